// VIPs on an interface of this host, which makes the kernel answer ARP and neighbour solicitations
// for them.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lb/dataplane/host_changes.h"
#include "lb/result.h"

namespace weir {

// Reads once which addresses the host has: there may be ten thousand VIPs among them.
class Announcer {
  public:
    // `changes` outlive it.
    static Result<Announcer> open(HostChanges &changes);

    // Puts an address on an interface, as /32 or /128, and tells the neighbours. One that this host
    // has already, on whatever interface, is left as it is: it is not this instance's to remove.
    // Exit::refused, without a place: "cannot put ADDRESS on INTERFACE: ...".
    Result<void> announce(const AddedAddress &wanted, const std::string &interface);
    // Whether the host would take it, as far as that shows beforehand; nothing changes.
    Result<void> check(const AddedAddress &wanted, const std::string &interface) const;

  private:
    using Places = std::set<std::pair<Address, unsigned>>;  // addresses, with their interface
    Announcer(HostChanges &changes, const std::vector<AddedAddress> &own, Places there);
    bool is_others(const Address &address) const;
    bool is_there(const AddedAddress &wanted) const;

    HostChanges *changes_;
    std::set<AddedAddress> own_;
    Places there_;
};

// Takes back what announce() has put there, `keep` excepted.
Result<void> withdraw(HostChanges &changes, const std::vector<AddedAddress> &keep);

}  // namespace weir
