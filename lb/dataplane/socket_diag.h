// The sockets of this network namespace that were connected to a service, and their end
// (sock_diag(7)).
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "bpf/abi.h"
#include "lb/dataplane/socket_tables.h"
#include "lb/net/address.h"
#include "lb/result.h"

namespace weir {

struct EndedSockets {
    std::size_t count = 0;
    std::string trouble{};  // why others could not be; empty: none
};

// Ends the sockets that `ends` says: what their programs do with them next is an error,
// ECONNABORTED. Those of which the maps know nothing are left alone. Sockets of other network
// namespaces are out of reach.
Result<EndedSockets> end_sockets(const SocketMapFds &maps, Protocol protocol,
                                 const std::function<bool(const weir_socket &)> &ends);

// Whether the kernel ends sockets for others than their programs (CONFIG_INET_DIAG_DESTROY).
// Exit::refused where it does not say.
Result<bool> can_end_sockets();

}  // namespace weir
