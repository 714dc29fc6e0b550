// What a configuration wants of the host beside its interfaces: VIPs that are announced, and SNAT
// ports that no program gets.
#pragma once

#include <filesystem>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/host_changes.h"
#include "lb/result.h"

namespace weir {

class HostSetup {
  public:
    // `folder`: the pins of the instance.
    static Result<HostSetup> open(const std::filesystem::path &folder);

    // Keeps the SNAT ports from the programs of this host. Exit::refused when one of them has such
    // a port already.
    Result<void> reserve(const Config &config);
    // Puts the VIPs that are announced on the first interface, if that exists. Exit::refused when
    // the host does not take one.
    Result<void> announce(const Config &config);
    // Whether it would, as far as that shows beforehand; nothing changes.
    Result<void> check_announce(const Config &config);
    // Takes off the VIPs that `config` announces nowhere. Those that refuse to go are for settle().
    void withdraw(const Config &config);
    // Takes back what `config` does not want. What was there before Weir is left alone.
    Result<void> settle(const Config &config);
    // Notes how things are; open() has done so.
    Result<void> begin();
    // Takes back what was added since begin(), and puts back what was withdrawn.
    Result<void> roll_back();
    // Takes everything back.
    Result<void> clear();

  private:
    explicit HostSetup(HostChanges changes) : changes_(std::move(changes)) {}
    Result<void> keep(const std::vector<AddedAddress> &addresses, const PortSet &ports);
    Result<void> announce_again(const std::vector<AddedAddress> &addresses);

    HostChanges changes_;
    // As it was at begin().
    std::vector<AddedAddress> addresses_;
    PortSet ports_;
};

}  // namespace weir
