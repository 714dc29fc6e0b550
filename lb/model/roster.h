// The state of every backend: what the configuration, the health checks and the operator make of it
// together. Pure: time is an argument, and steady.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lb/config/config.h"
#include "lb/model/overrides.h"

namespace weir {

enum class BackendState { active, draining, down, maintenance };

std::string_view to_string(BackendState state);  // "active", "draining", ...

// What the data path is told.
struct BackendCondition {
    BackendState state = BackendState::active;
    std::uint32_t weight = 0;     // of its share of new flows, now; 0: none
    std::uint32_t share = 0;      // the weight that it has in full
    OnDown flows = OnDown::keep;  // what becomes of those it has

    bool operator==(const BackendCondition &) const = default;
};

using Conditions = std::map<BackendKey, BackendCondition>;

enum class Health { unchecked, unknown, up, down };  // unknown: no check has ended yet

std::string_view to_string(Health health);

// What is shown of a backend beside its counters.
struct BackendView {
    BackendCondition condition;
    Health health = Health::unchecked;
    std::string reason;   // why the last check failed; empty when it did not
    std::string trouble;  // why the last check could not be made; empty when it was
    Override override_;
    bool kept = false;             // down by its checks, in use because of min_active
    bool standby = false;          // a fallback that is not needed
    std::uint32_t configured = 0;  // the weight that the configuration gives it
};

class Roster {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // Backends that stay keep their health, their overrides and the times of what goes on. `down`:
    // those that an earlier run left down; they count as down until a check says otherwise.
    void configure(const Config &config, Time now, const std::vector<BackendKey> &down = {});
    // For a backend that the configuration does not name, or that is not checked, without effect.
    void set_health(const BackendKey &key, bool up, const std::string &reason, Time now);
    void set_override(const BackendKey &key, const Override &change, Time now);
    void set_overrides(Overrides overrides, Time now);
    const Overrides &overrides() const { return overrides_; }

    Conditions conditions(Time now) const;
    // When conditions() will differ without anything being set: a step of slow start, the end of a
    // drain.
    std::optional<Time> next_change(Time now) const;
    // Of a backend that the configuration names; `in_force`: what conditions() gave when it was
    // written.
    std::optional<BackendView> find(const BackendKey &key, const Conditions &in_force) const;

  private:
    struct Member {
        std::uint32_t weight = 0;  // configured
        bool fallback = false;
        Health health = Health::unchecked;
        std::string reason;
        Time down_since{};
        std::optional<Time> drain_since;
        std::optional<Time> up_since;  // a slow start that is under way
    };
    struct Group {
        OnDown on_down = OnDown::keep;
        std::chrono::seconds slow_start{0};
        std::chrono::seconds drain_timeout{0};
        std::uint32_t min_active = 0;
        std::map<Endpoint, Member> members;
    };

    static BackendCondition condition_of(const Group &group, const Member &member,
                                         const Override &change, Time now);
    const Override &override_of(const BackendKey &key) const;
    std::map<Endpoint, BackendCondition> conditions_of(const std::string &name, const Group &group,
                                                       Time now) const;
    static void keep_active(const Group &group, std::map<Endpoint, BackendCondition> &conditions);
    static void choose_fallback(const Group &group,
                                std::map<Endpoint, BackendCondition> &conditions);
    void note_change(const BackendKey &key, const Override &before, const Override &after,
                     Time now);
    Member *member(const BackendKey &key);

    std::map<std::string, Group> groups_;
    Overrides overrides_;
};

}  // namespace weir
