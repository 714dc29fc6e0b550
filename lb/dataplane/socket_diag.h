// The sockets of this network namespace that were connected to a service, and their end
// (sock_diag(7)).
#pragma once

#include <cstddef>
#include <functional>

#include "bpf/abi.h"
#include "lb/dataplane/socket_tables.h"
#include "lb/net/address.h"
#include "lb/result.h"

namespace weir {

// Ends the sockets that `ends` says: what their programs do with them next is an error,
// ECONNABORTED. Those of which the maps know nothing are left alone. How many that were. Sockets of
// other network namespaces are out of reach.
Result<std::size_t> end_sockets(const SocketMapFds &maps, Protocol protocol,
                                const std::function<bool(const weir_socket &)> &ends);

}  // namespace weir
