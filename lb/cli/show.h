// What status, services, backends, overrides and counted flows show people: text made of the API's
// documents.
#pragma once

#include <string>

#include "lb/api/documents.h"

namespace weir {

std::string show_status(const Json &document);
std::string show_services(const Json &document);
std::string show_backends(const Json &document);
std::string show_flow_count(const Json &document);
std::string show_overrides(const Json &document);
// The answer to a change of a backend.
std::string show_change(const Json &document);

}  // namespace weir
