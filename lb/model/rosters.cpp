#include "lb/model/rosters.h"

#include <algorithm>
#include <utility>

namespace weir {

Overrides Rosters::overrides_of(const std::string &service) const {
    const auto begin = overrides_.lower_bound({service, {}});
    return {begin, std::find_if(begin, overrides_.end(),
                                [&](const auto &one) { return one.first.service != service; })};
}

void Rosters::configure(const Config &config, const Affected &affected, Time now,
                        const std::vector<BackendKey> &down) {
    std::map<std::string, std::vector<BackendKey>> left_down;
    for (const BackendKey &key : down)
        left_down[key.service].push_back(key);
    auto before = affected ? std::map<std::string, Entry>() : std::exchange(rosters_, {});
    Config one;
    for_affected(config, affected, [&](const ServiceConfig &service) {
        one.services.assign(1, service);
        rosters_.insert(before.extract(service.name));
        const auto [place, is_new] = rosters_.try_emplace(service.name);
        auto &[roster, knows_time] = place->second;
        knows_time = service.slow_start.count() != 0 || service.drain_timeout.count() != 0;
        if (is_new)
            roster.set_overrides(overrides_of(service.name), now);
        const auto found = left_down.find(service.name);
        roster.configure(one, now,
                         found == left_down.end() ? std::vector<BackendKey>() : found->second);
    });
}

void Rosters::set_health(const BackendKey &key, bool up, const std::string &reason, Time now) {
    if (const auto found = rosters_.find(key.service); found != rosters_.end())
        found->second.roster.set_health(key, up, reason, now);
}

void Rosters::set_override(const BackendKey &key, const Override &change, Time now) {
    if (change.empty())
        overrides_.erase(key);
    else
        overrides_[key] = change;
    if (const auto found = rosters_.find(key.service); found != rosters_.end())
        found->second.roster.set_override(key, change, now);
}

void Rosters::set_overrides(Overrides overrides, Time now) {
    overrides_ = std::move(overrides);
    for (auto &[name, entry] : rosters_)
        entry.roster.set_overrides(overrides_of(name), now);
}

Conditions Rosters::conditions(Time now) const {
    Conditions all;
    for (const auto &[name, entry] : rosters_)
        all.merge(entry.roster.conditions(now));
    return all;
}

Conditions Rosters::conditions(const std::string &service, Time now) const {
    const auto found = rosters_.find(service);
    return found == rosters_.end() ? Conditions() : found->second.roster.conditions(now);
}

std::optional<Rosters::Time> Rosters::next_change(const Entry &entry, Time now) {
    return entry.knows_time ? entry.roster.next_change(now) : std::nullopt;
}

std::optional<Rosters::Time> Rosters::next_change(Time now) const {
    std::optional<Time> next;
    for (const auto &[name, entry] : rosters_) {
        const auto one = next_change(entry, now);
        if (one && (!next || *one < *next))
            next = one;
    }
    return next;
}

std::set<std::string> Rosters::changed_by_time(Time last, Time now) const {
    std::set<std::string> changed;
    for (const auto &[name, entry] : rosters_)
        if (const auto next = next_change(entry, last); next && *next <= now)
            changed.insert(name);
    return changed;
}

std::optional<BackendView> Rosters::find(const BackendKey &key, const Conditions &in_force) const {
    const auto found = rosters_.find(key.service);
    return found == rosters_.end() ? std::nullopt : found->second.roster.find(key, in_force);
}

Rosters Rosters::part(const std::set<std::string> &services) const {
    Rosters part;
    part.overrides_ = overrides_;
    for (const std::string &name : services)
        if (const auto found = rosters_.find(name); found != rosters_.end())
            part.rosters_.insert(*found);
    return part;
}

void Rosters::take(Rosters part) {
    overrides_ = std::move(part.overrides_);
    for (auto &[name, entry] : part.rosters_)
        rosters_.insert_or_assign(name, std::move(entry));
}

}  // namespace weir
