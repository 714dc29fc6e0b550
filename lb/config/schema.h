// The steps of parse_config(); each notes what is wrong in `problems`.
#pragma once

#include "lb/config/config.h"
#include "lb/config/reader.h"

namespace weir {

// What each key holds, one value at a time.
void read_config(Problems &problems, const Value &root, Config &config);
// A service's `health_check`; `what` begins the messages.
void read_health_check(Problems &problems, const Value &value, const std::string &what,
                       HealthCheckConfig &check);
// What the values mean together: names and endpoints that clash, families, counts over limits.
void validate_config(Problems &problems, const Config &config);

}  // namespace weir
