// What weir monitor shows people: a line made of each document of /v1/monitor.
#pragma once

#include <string>

#include "lb/api/documents.h"

namespace weir {

std::string show_event(const Json &event);
// Of how many events the stream knows that it does not have them.
std::string show_missing(const Json &missing);

}  // namespace weir
