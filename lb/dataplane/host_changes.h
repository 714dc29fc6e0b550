// What an instance has changed on its host beside its interfaces, noted where its tables are, so
// that the next daemon and `weir detach` know what is theirs to take back. A note is made before
// the change and forgotten after it is undone: what is noted may not be there, what is not noted is
// somebody else's.
#pragma once

#include <compare>
#include <filesystem>
#include <optional>
#include <vector>

#include "lb/dataplane/fd.h"
#include "lb/net/address.h"
#include "lb/net/port_set.h"
#include "lb/result.h"

namespace weir {

// An address that was added to an interface.
struct AddedAddress {
    unsigned ifindex = 0;
    Address address;

    auto operator<=>(const AddedAddress &) const = default;
};

class HostChanges {
  public:
    // The notes of the instance whose pins are in `folder`; begun if there are none.
    static Result<HostChanges> open(const std::filesystem::path &folder);

    Result<std::vector<AddedAddress>> addresses() const;
    Result<void> note(const AddedAddress &added);
    Result<void> forget(const AddedAddress &added);

    // Ports added to those that the kernel does not give to programs.
    Result<PortSet> ports() const;
    Result<void> note(const PortSet &reserved);  // in addition to those noted
    // Forgets all but these.
    Result<void> keep(const PortSet &reserved);

  private:
    explicit HostChanges(Fd map) : map_(std::move(map)) {}

    Fd map_;
};

}  // namespace weir
