// What ethtool(8) knows of an interface in this network namespace.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "lb/doctor/facts.h"

namespace weir {

// Every feature by the kernel's name; empty for an interface that is not there.
std::map<std::string, LinkFeature> link_features(const std::string &interface);

struct LinkQueues {
    unsigned used = 0;
    unsigned most = 0;
    bool combined = true;  // receive and transmit together
};

// Its receive queues; none when the driver does not tell.
std::optional<LinkQueues> link_queues(const std::string &interface);

// Whether the driver has XDP of its own; none when the kernel does not tell (before 6.3).
std::optional<bool> link_has_native_xdp(unsigned ifindex);

}  // namespace weir
