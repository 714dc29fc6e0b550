// The rosters of all services, each its own: what is said about a backend concerns one of them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lb/config/affected.h"
#include "lb/model/roster.h"

namespace weir {

class Rosters {
  public:
    using Time = Roster::Time;

    // As Roster::configure(), for the affected services.
    void configure(const Config &config, const Affected &affected, Time now,
                   const std::vector<BackendKey> &down = {});
    // The rest as in Roster.
    void set_health(const BackendKey &key, bool up, const std::string &reason, Time now);
    void set_override(const BackendKey &key, const Override &change, Time now);
    void set_overrides(Overrides overrides, Time now);
    const Overrides &overrides() const { return overrides_; }

    Conditions conditions(Time now) const;
    Conditions conditions(const std::string &service, Time now) const;
    std::optional<Time> next_change(Time now) const;
    // Services whose conditions() change after `last` and not after `now`, by time alone.
    std::set<std::string> changed_by_time(Time last, Time now) const;
    std::optional<BackendView> find(const BackendKey &key, const Conditions &in_force) const;

    // The rosters of these services, and all overrides.
    Rosters part(const std::set<std::string> &services) const;
    // Puts the rosters of a part, and its overrides, in place of its own.
    void take(Rosters part);

  private:
    struct Entry {
        Roster roster;
        bool knows_time = false;  // next_change() of others need not be asked
    };

    static std::optional<Time> next_change(const Entry &entry, Time now);
    Overrides overrides_of(const std::string &service) const;

    std::map<std::string, Entry> rosters_;
    Overrides overrides_;
};

}  // namespace weir
