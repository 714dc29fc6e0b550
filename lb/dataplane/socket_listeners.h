// Local sockets that listen for many addresses and ports (sk_lookup).
#pragma once

#include <cstddef>
#include <vector>

#include "lb/config/sockets.h"
#include "lb/dataplane/socket_tables.h"
#include "lb/result.h"

namespace weir {

// In the order in which they are tried: the longest prefix first, then the fewest ports.
std::vector<ListenerConfig> in_order(std::vector<ListenerConfig> listeners);

// Writes them, in order, in place of those that are there; sockets are found anew.
Result<void> write_listeners(const SocketMapFds &maps, const std::vector<ListenerConfig> &in_order);

// Looks for the socket that listens where the listener at `index` says, and lets it listen for
// that; `program` is SocketObjects::find_listener(). False: there is none.
Result<bool> find_listener(const SocketMapFds &maps, int program, const ListenerConfig &listener,
                           std::size_t index);

}  // namespace weir
