// The facts of this host and network namespace, from the kernel.
#pragma once

#include "lb/config/config.h"
#include "lb/doctor/facts.h"
#include "lb/result.h"

namespace weir {

// `config` null: what concerns no configuration. What cannot be seen is left as unknown;
// Exit::refused when the kernel does not even list interfaces and addresses.
Result<HostFacts> gather(const Config *config);

// The parts that speak netlink and ethtool.
Result<void> gather_links(const Config &config, HostFacts &facts);
Result<void> gather_routes(const Config &config, HostFacts &facts);
// Of `sockets`, if it is configured.
void gather_sockets(const Config &config, HostFacts &facts);

// A number below /proc/sys; none when it is not there.
std::optional<int> read_setting(const std::string &path);

}  // namespace weir
