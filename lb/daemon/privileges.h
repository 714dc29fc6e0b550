// Least privilege: what a daemon that runs may still do.
#pragma once

#include <string>
#include <vector>

namespace weir {

// Names of the capabilities that are kept: "cap_net_admin", ... The first three are for tables,
// programs, addresses and reserved ports; cap_net_raw is for ICMP checks and for telling
// neighbours.
const std::vector<std::string> &kept_capabilities();

// Gives up every other capability of this process, for good: from effective, permitted,
// inheritable, ambient and bounding set. Its children get none at all, not even as root
// (SECBIT_NOROOT), and nothing that it executes gains any (no_new_privs). To be called before there
// is a second thread: capabilities are a thread's. Returns what could not be done, a line each: the
// last two want CAP_SETPCAP, and this process's own capabilities are given up none the less.
std::vector<std::string> drop_privileges();

}  // namespace weir
