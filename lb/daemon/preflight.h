// What can be found wrong before anything is touched.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/result.h"

namespace weir {

// Names of the capabilities that the data path needs and `effective` (bits as in capabilities(7))
// lacks. CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, as in the kernel.
std::vector<std::string> missing_capabilities(std::uint64_t effective);

// Exit::refused when this process lacks one; `command` names who needs it.
Result<void> check_privilege(const std::string &command);

// Exit::usage when no interface is configured, Exit::refused when none of them exists: one that is
// still to come is waited for, but a typing error is likelier where there is nothing to start with.
Result<void> check_interfaces(const Config &config);

// A line for each family that has services and that this host does not forward: what that means and
// what to do.
std::vector<std::string> forwarding_warnings(const Config &config);

// The first key that differs and that a reload cannot change, and what can; Exit::usage.
Result<void> check_reloadable(const Config &running, const Config &wanted);

}  // namespace weir
