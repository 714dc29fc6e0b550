#include "lb/model/roster.h"

#include <algorithm>
#include <set>

namespace weir {

namespace {

using Time = Roster::Time;

// A slow start grows in steps of this share of the weight, each of them a change of the ring.
constexpr std::uint32_t kSteps = 10;

// Steps of a slow start that are done: 0..kSteps.
std::uint32_t steps_done(Time since, std::chrono::seconds length, Time now) {
    const auto elapsed = std::max(now - since, Time::duration::zero());
    return elapsed >= length ? kSteps : static_cast<std::uint32_t>(elapsed * kSteps / length);
}

std::uint32_t ramped(std::uint32_t weight, std::uint32_t steps) {
    if (steps >= kSteps || weight == 0)
        return weight;
    // a tenth to begin with
    return std::max<std::uint32_t>(1, weight * (kSteps + 9 * steps) / (10 * kSteps));
}

// Flows of a drain that is over end, also where those of a dead backend would stay.
OnDown after_drain(OnDown on_down) {
    return on_down == OnDown::keep ? OnDown::reset : on_down;
}

}  // namespace

void Roster::configure(const Config &config, Time now, const std::vector<BackendKey> &down) {
    const std::set<BackendKey> left_down(down.begin(), down.end());
    std::map<std::string, Group> before;
    before.swap(groups_);
    for (const ServiceConfig &service : config.services) {
        Group group{
            service.on_down, service.slow_start, service.drain_timeout, service.min_active, {}};
        const auto known = before.find(service.name);
        for (const BackendConfig &backend : service.backends) {
            Member now_is{backend.weight, backend.fallback, Health::unknown, {}, {}, {}, {}};
            const BackendKey key{service.name, backend.endpoint};
            if (known != before.end()) {
                const auto old = known->second.members.find(backend.endpoint);
                if (old != known->second.members.end())
                    now_is = old->second;
                else
                    now_is.up_since = now;
                now_is.weight = backend.weight;
                now_is.fallback = backend.fallback;
            }
            if (!now_is.drain_since && override_of(key).admin == Admin::drain)
                now_is.drain_since = now;
            if (left_down.count(key) != 0)
                now_is.health = Health::down;
            if (!service.health_check)
                now_is.health = Health::unchecked;
            else if (now_is.health == Health::unchecked)
                now_is.health = Health::unknown;
            group.members.emplace(backend.endpoint, std::move(now_is));
        }
        groups_.emplace(service.name, std::move(group));
    }
}

Roster::Member *Roster::member(const BackendKey &key) {
    const auto group = groups_.find(key.service);
    if (group == groups_.end())
        return nullptr;
    const auto found = group->second.members.find(key.endpoint);
    return found == group->second.members.end() ? nullptr : &found->second;
}

const Override &Roster::override_of(const BackendKey &key) const {
    static const Override kNone;
    const auto found = overrides_.find(key);
    return found == overrides_.end() ? kNone : found->second;
}

void Roster::set_health(const BackendKey &key, bool up, const std::string &reason, Time now) {
    Member *found = member(key);
    if (found == nullptr || found->health == Health::unchecked)
        return;
    if (up && found->health == Health::down)
        found->up_since = now;
    if (!up && found->health != Health::down)
        found->down_since = now;
    found->health = up ? Health::up : Health::down;
    found->reason = up ? "" : reason;
}

void Roster::note_change(const BackendKey &key, const Override &before, const Override &after,
                         Time now) {
    Member *found = member(key);
    if (found == nullptr || before.admin == after.admin)
        return;
    found->drain_since.reset();
    if (after.admin == Admin::drain)
        found->drain_since = now;
    else if (after.admin == Admin::enabled && before.admin == Admin::maintenance)
        found->up_since = now;
}

void Roster::set_override(const BackendKey &key, const Override &change, Time now) {
    note_change(key, override_of(key), change, now);
    if (change.empty())
        overrides_.erase(key);
    else
        overrides_[key] = change;
}

void Roster::set_overrides(Overrides overrides, Time now) {
    const Overrides before = overrides_;
    for (const auto &[key, change] : before)
        if (overrides.count(key) == 0)
            set_override(key, {}, now);
    for (const auto &[key, change] : overrides)
        set_override(key, change, now);
}

BackendCondition Roster::condition_of(const Group &group, const Member &member,
                                      const Override &change, Time now) {
    const std::uint32_t share = change.weight.value_or(member.weight);
    if (change.admin == Admin::maintenance)
        return {BackendState::maintenance, 0, share, group.on_down};
    if (change.admin == Admin::drain) {
        const bool over = group.drain_timeout.count() != 0 && member.drain_since &&
                          now - *member.drain_since >= group.drain_timeout;
        return {BackendState::draining, 0, share, over ? after_drain(group.on_down) : OnDown::keep};
    }
    if (member.health == Health::down)
        return {BackendState::down, 0, share, group.on_down};
    const std::uint32_t steps =
        member.up_since ? steps_done(*member.up_since, group.slow_start, now) : kSteps;
    return {BackendState::active, ramped(share, steps), share, OnDown::keep};
}

// Those that went down last come back first: they are the likeliest to serve.
void Roster::keep_active(const Group &group, std::map<Endpoint, BackendCondition> &conditions) {
    std::uint32_t usable = 0;
    std::vector<std::pair<Time, Endpoint>> down;
    for (const auto &[endpoint, member] : group.members) {
        const BackendCondition &condition = conditions.at(endpoint);
        if (member.fallback || condition.share == 0)
            continue;
        usable += condition.weight > 0 ? 1U : 0U;
        if (condition.state == BackendState::down)
            down.emplace_back(member.down_since, endpoint);
    }
    std::sort(down.rbegin(), down.rend());
    for (const auto &[since, endpoint] : down) {
        if (usable++ >= group.min_active)
            return;
        const std::uint32_t share = conditions[endpoint].share;
        conditions[endpoint] = {BackendState::active, share, share, OnDown::keep};
    }
}

// Either the fallbacks have a share, or the others.
void Roster::choose_fallback(const Group &group, std::map<Endpoint, BackendCondition> &conditions) {
    const auto serves = [&](bool fallback) {
        return std::any_of(group.members.begin(), group.members.end(), [&](const auto &one) {
            return one.second.fallback == fallback && conditions.at(one.first).weight > 0;
        });
    };
    const bool fall_back = !serves(false) && serves(true);
    for (const auto &[endpoint, member] : group.members) {
        if (member.fallback == fall_back)
            continue;
        conditions[endpoint].weight = 0;
        conditions[endpoint].share = 0;
    }
}

std::map<Endpoint, BackendCondition> Roster::conditions_of(const std::string &name,
                                                           const Group &group, Time now) const {
    std::map<Endpoint, BackendCondition> conditions;
    for (const auto &[endpoint, member] : group.members)
        conditions[endpoint] = condition_of(group, member, override_of({name, endpoint}), now);
    if (group.min_active > 0)
        keep_active(group, conditions);
    choose_fallback(group, conditions);
    return conditions;
}

Conditions Roster::conditions(Time now) const {
    Conditions all;
    for (const auto &[name, group] : groups_)
        for (const auto &[endpoint, condition] : conditions_of(name, group, now))
            all.emplace(BackendKey{name, endpoint}, condition);
    return all;
}

std::optional<Roster::Time> Roster::next_change(Time now) const {
    std::optional<Time> next;
    const auto consider = [&](Time time) {
        if (time > now && (!next || time < *next))
            next = time;
    };
    for (const auto &[name, group] : groups_) {
        for (const auto &[endpoint, member] : group.members) {
            if (member.drain_since && group.drain_timeout.count() != 0)
                consider(*member.drain_since + group.drain_timeout);
            if (!member.up_since || group.slow_start.count() == 0)
                continue;
            const auto steps = steps_done(*member.up_since, group.slow_start, now);
            if (steps < kSteps)
                consider(*member.up_since +
                         std::chrono::nanoseconds(group.slow_start) * (steps + 1) / kSteps);
        }
    }
    return next;
}

std::optional<BackendView> Roster::find(const BackendKey &key, const Conditions &in_force) const {
    const auto group = groups_.find(key.service);
    if (group == groups_.end())
        return std::nullopt;
    const auto found = group->second.members.find(key.endpoint);
    if (found == group->second.members.end())
        return std::nullopt;
    BackendView view;
    const Member &member = found->second;
    if (const auto condition = in_force.find(key); condition != in_force.end())
        view.condition = condition->second;
    view.health = member.health;
    view.reason = member.reason;
    view.override_ = override_of(key);
    view.kept = member.health == Health::down && view.condition.state == BackendState::active;
    view.standby = member.fallback && view.condition.state == BackendState::active &&
                   view.condition.weight == 0;
    view.configured = member.weight;
    return view;
}

}  // namespace weir
