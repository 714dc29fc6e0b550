// VIPs on an interface of this host, which makes the kernel answer ARP and neighbour solicitations
// for them.
#pragma once

#include <string>
#include <vector>

#include "lb/dataplane/host_changes.h"
#include "lb/result.h"

namespace weir {

// Puts an address on an interface, as /32 or /128, and tells the neighbours. One that this host has
// already, on whatever interface, is left as it is: it is not this instance's to remove.
// Exit::refused, without a place: "cannot put ADDRESS on INTERFACE: ...".
Result<void> announce(HostChanges &changes, const AddedAddress &wanted,
                      const std::string &interface);

// Takes back what announce() has put there, `keep` excepted.
Result<void> withdraw(HostChanges &changes, const std::vector<AddedAddress> &keep);

}  // namespace weir
