// What status, services, backends and flows show people: text made of the API's documents.
#pragma once

#include <string>

#include "lb/api/documents.h"

namespace weir {

std::string show_status(const Json &document);
std::string show_services(const Json &document);
std::string show_backends(const Json &document);
std::string show_flows(const Json &document);

}  // namespace weir
