// The SNAT port range, kept from the programs of this host (I4).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lb/dataplane/host_changes.h"
#include "lb/net/address.h"
#include "lb/result.h"

namespace weir {

// The kernel's ip_local_reserved_ports.
Result<PortSet> read_reserved_ports();
// Whether this process may write them.
bool may_reserve_ports();

// Adds `range` to the kernel's ip_local_reserved_ports. What others have reserved stays theirs.
Result<void> reserve_ports(HostChanges &changes, const PortRange &range);

// Takes out of them what this instance has put in, `keep` excepted.
Result<void> release_ports(HostChanges &changes, const PortSet &keep);

// A socket of this network namespace that takes packets from anyone.
struct OpenSocket {
    Protocol protocol = Protocol::tcp;
    Endpoint local;  // the unspecified address: any
};

// A line of /proc/net/{tcp,udp}{,6}: a socket that listens, or has no peer; none for others and for
// what is no such line.
std::optional<OpenSocket> parse_socket(const std::string &line, Protocol protocol);

// Every one of them. Some are not there on a host without IPv6.
std::vector<OpenSocket> open_sockets();

// Whether packets to one of the addresses would come to the socket. One on `::` takes IPv4 as well,
// unless it was asked not to, which is not told here.
bool takes_packets_to(const OpenSocket &socket, const std::vector<Address> &addresses);

// The first that holds a port of `range` on one of the addresses, or on any.
Result<std::optional<OpenSocket>> find_socket(const std::vector<Address> &addresses,
                                              const PortRange &range);

}  // namespace weir
