// What can be found wrong before anything is touched.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/result.h"

namespace weir {

// Of this process, bits as in capabilities(7); none when they cannot be read.
std::uint64_t effective_capabilities();

// Names of the capabilities that the data path needs and `effective` (bits as in capabilities(7))
// lacks.
std::vector<std::string> missing_capabilities(std::uint64_t effective);

// Exit::refused when this process lacks one; `command` names who needs it.
Result<void> check_privilege(const std::string &command);

// Exit::usage when no interface is configured, Exit::refused when none of them exists: one that is
// still to come is waited for, but a typing error is likelier where there is nothing to start with.
Result<void> check_interfaces(const Config &config);

// The first key that differs and that a reload cannot change, and what can; Exit::usage.
Result<void> check_reloadable(const Config &running, const Config &wanted);

}  // namespace weir
