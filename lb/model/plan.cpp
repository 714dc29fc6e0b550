#include "lb/model/partial_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "lb/model/addresses.h"
#include "lb/model/id_pool.h"
#include "lb/model/ring.h"

namespace weir {

namespace {

// What a ring depends on.
bool same_ring(const ServiceRow &a, const ServiceRow &b) {
    const auto weights = [](const ServiceRow &row) {
        std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> by_id;
        for (const BackendRow &backend : row.backends)
            by_id[backend.id] = {backend.weight, backend.share};
        return by_id;
    };
    return a.policy.scheduler == b.policy.scheduler && a.ring_slots == b.ring_slots &&
           (a.backends == b.backends || weights(a) == weights(b));
}

bool is_row_of(const ServiceRow &row, const ServiceConfig &service) {
    return row.vip == service.vip && row.protocol == service.protocol;
}

// Whether the services are the same ones, in the same order, and nothing else is there.
bool is_in_step(const TableState &current, const Config &desired) {
    return current.orphans.empty() && current.orphan_ranges.empty() &&
           std::equal(current.services.begin(), current.services.end(), desired.services.begin(),
                      desired.services.end(), is_row_of);
}

PolicyRow policy_of(const ServiceConfig &service) {
    return {service.mode, !service.source_ranges.empty(),
            static_cast<std::uint32_t>(service.session_affinity.count()), service.limits,
            service.scheduler};
}

Ranges ranges_of(const ServiceConfig &service) {
    Ranges ranges;
    if (service.source_ranges.empty())
        return ranges;
    bool others = true;
    for (const SourceRange &range : service.source_ranges) {
        const Address &address = range.prefix.address;
        const unsigned family_bits = address.is_v4() ? 96 : 0;
        ranges[{static_cast<std::uint8_t>(range.prefix.length + family_bits), address}] =
            range.allow;
        others = others && !range.allow;
    }
    ranges.emplace(RangeKey{}, others);  // ::/0 may be there already
    return ranges;
}

class Planner {
  public:
    Planner(const TableState &current, const Config &desired, RingScope scope,
            const Conditions &conditions)
        : current_(current),
          desired_(desired),
          scope_(scope),
          conditions_(conditions),
          service_ids_(desired.limits.services),
          backend_ids_(desired.limits.backends) {
        for (const ServiceRow &service : current.services) {
            service_ids_.mark_used(service.id);
            for (const BackendRow &backend : service.backends)
                backend_ids_.mark_used(backend.id);
        }
        for (const std::uint32_t orphan : current.orphans)
            backend_ids_.mark_used(orphan);
    }

    Result<Plan> run() {
        for (const ServiceRow &service : current_.services)
            before_[{service.vip, service.protocol}] = &service;
        for (const ServiceConfig &service : desired_.services) {
            const auto found = before_.find({service.vip, service.protocol});
            const bool is_known = found != before_.end();
            if (auto added = add_service(service, is_known ? found->second : nullptr); !added)
                return tl::make_unexpected(added.error());
            if (is_known)
                before_.erase(found);
        }
        remove_the_rest();
        plan_.result.vips = count_vips(plan_.result.services);
        plan_addresses(current_.vips, plan_.result.vips, plan_.set_vips, plan_.remove_vips);
        plan_.result.backend_addresses = count_backend_addresses(plan_.result.services);
        plan_addresses(current_.backend_addresses, plan_.result.backend_addresses,
                       plan_.set_backend_addresses, plan_.remove_backend_addresses);
        order_ranges();
        return std::move(plan_);
    }

    // For these services alone; the others stay.
    Result<Plan> run(const std::vector<std::size_t> &places) {
        AddressChanges changes;
        for (const std::size_t place : places) {
            const ServiceRow &before = current_.services[place];
            if (auto added = add_service(desired_.services[place], &before); !added)
                return tl::make_unexpected(added.error());
            count_backends(before, -1, changes);
            count_backends(plan_.result.services.back(), 1, changes);
        }
        change_backend_addresses(changes);
        order_ranges();
        return std::move(plan_);
    }

  private:
    using ServiceKey = std::pair<Endpoint, Protocol>;

    Result<void> add_service(const ServiceConfig &wanted, const ServiceRow *before) {
        ServiceRow row{0, wanted.vip, wanted.protocol, {}, policy_of(wanted), ranges_of(wanted), 0};
        if (before != nullptr) {
            row.id = before->id;
        } else if (service_ids_.free_count() == 0) {
            return too_many("services", desired_.limits.services);
        } else {
            row.id = service_ids_.take();
            plan_.fresh_services.push_back(row.id);
        }
        if (auto added = add_backends(wanted, before, row); !added)
            return added;

        if (std::any_of(row.backends.begin(), row.backends.end(),
                        [](const BackendRow &backend) { return backend.weight > 0; }))
            row.ring_slots = ring_slots(wanted);
        if (before == nullptr || scope_ == RingScope::all || !same_ring(*before, row))
            plan_.set_rings.push_back(
                {row.id, build_ring(row.policy.scheduler, row.ring_slots, row.backends)});
        add_ranges(row, before);
        if (before == nullptr || before->policy != row.policy)
            plan_.set_services.push_back(row);
        plan_.result.services.push_back(std::move(row));
        return {};
    }

    BackendRow wanted_row(const ServiceConfig &service, const BackendConfig &backend) const {
        const auto found = conditions_.find({service.name, backend.endpoint});
        if (found == conditions_.end())
            return {0, backend.endpoint, backend.weight, backend.weight};
        const BackendCondition &condition = found->second;
        return {0,
                backend.endpoint,
                condition.weight,
                condition.share,
                condition.state,
                condition.flows};
    }

    Result<void> add_backends(const ServiceConfig &wanted, const ServiceRow *before,
                              ServiceRow &row) {
        std::map<Endpoint, BackendRow> known;
        if (before != nullptr)
            for (const BackendRow &backend : before->backends)
                known[backend.endpoint] = backend;
        for (const BackendConfig &backend : wanted.backends) {
            BackendRow now = wanted_row(wanted, backend);
            const auto found = known.find(backend.endpoint);
            const bool is_known = found != known.end();
            if (!is_known && backend_ids_.free_count() == 0)
                return too_many("backends", desired_.limits.backends);
            now.id = is_known ? found->second.id : backend_ids_.take();
            if (!is_known)
                plan_.fresh_backends.push_back(now.id);
            if (!is_known || !(found->second == now))
                (is_known && now.state != BackendState::active ? plan_.lower_backends
                                                               : plan_.set_backends)
                    .push_back({row.id, now});
            if (is_known)
                known.erase(found);
            row.backends.push_back(now);
        }
        for (const auto &[endpoint, backend] : known)
            plan_.remove_backends.push_back(backend.id);
        return {};
    }

    void change_backend_addresses(const AddressChanges &changes) {
        for (const auto &[address, change] : changes) {
            const auto found = current_.backend_addresses.find(address);
            const auto count =
                change + (found == current_.backend_addresses.end() ? 0 : found->second);
            if (count == 0)
                plan_.remove_backend_addresses.push_back(address);
            else if (change != 0)
                plan_.set_backend_addresses.push_back({address, static_cast<std::uint32_t>(count)});
        }
    }

    void add_ranges(const ServiceRow &row, const ServiceRow *before) {
        const Ranges none;
        const Ranges &known = before == nullptr ? none : before->ranges;
        for (const auto &[key, allow] : row.ranges) {
            const auto found = known.find(key);
            if (found == known.end() || found->second != allow)
                plan_.set_ranges.push_back({row.id, key, allow});
        }
        for (const auto &[key, allow] : known)
            if (row.ranges.count(key) == 0)
                plan_.remove_ranges.push_back({row.id, key, allow});
    }

    void order_ranges() {
        const auto by_bits = [](const RangeWrite &a, const RangeWrite &b) {
            return a.key.bits < b.key.bits;
        };
        std::stable_sort(plan_.set_ranges.rbegin(), plan_.set_ranges.rend(), by_bits);
        std::stable_sort(plan_.remove_ranges.begin(), plan_.remove_ranges.end(), by_bits);
    }

    void remove_the_rest() {
        for (const auto &[key, service] : before_) {
            plan_.remove_services.push_back(*service);
            plan_.remove_rings.push_back(service->id);
            for (const BackendRow &backend : service->backends)
                plan_.remove_backends.push_back(backend.id);
            for (const auto &[range, allow] : service->ranges)
                plan_.remove_ranges.push_back({service->id, range, allow});
        }
        for (const auto &[service, range] : current_.orphan_ranges)
            plan_.remove_orphan_ranges.push_back({service, range, false});
        for (const std::uint32_t orphan : current_.orphans)
            plan_.remove_backends.push_back(orphan);
    }

    static tl::unexpected<Error> too_many(std::string_view what, std::uint32_t limit) {
        return fail(Exit::usage,
                    fmt::format("limits.{0} is {1}, and the tables have no room for another of the "
                                "{0}: raise the limit, or remove some first",
                                what, limit));
    }

    const TableState &current_;
    const Config &desired_;
    RingScope scope_;
    const Conditions &conditions_;
    IdPool service_ids_;
    IdPool backend_ids_;
    std::map<ServiceKey, const ServiceRow *> before_;  // that no service has asked for yet
    Plan plan_;
};

}  // namespace

bool Plan::empty() const {
    return remove_orphan_ranges.empty() && set_backends.empty() && set_backend_addresses.empty() &&
           set_rings.empty() && lower_backends.empty() && set_ranges.empty() && set_vips.empty() &&
           set_services.empty() && remove_services.empty() && remove_vips.empty() &&
           remove_ranges.empty() && remove_rings.empty() && remove_backends.empty() &&
           remove_backend_addresses.empty();
}

Result<Plan> make_plan(const TableState &current, const Config &desired, RingScope scope,
                       const Conditions &conditions) {
    return Planner(current, desired, scope, conditions).run();
}

Result<PartialPlan> make_partial_plan(const TableState &current, const Config &desired,
                                      RingScope scope, const Conditions &conditions,
                                      const Affected &affected) {
    Planner planner(current, desired, scope, conditions);
    const bool all = !affected || scope == RingScope::all || !is_in_step(current, desired);
    return (all ? planner.run() : planner.run(*affected)).map([&](Plan plan) {
        return PartialPlan{std::move(plan), all ? std::nullopt : affected};
    });
}

TableState result_of(TableState before, PartialPlan partial) {
    auto &[plan, affected] = partial;
    if (!affected)
        return std::move(plan.result);
    for (std::size_t i = 0; i < affected->size(); ++i)
        before.services.at((*affected)[i]) = std::move(plan.result.services.at(i));
    for (const AddressWrite &write : plan.set_backend_addresses)
        before.backend_addresses[write.address] = write.count;
    for (const Address &address : plan.remove_backend_addresses)
        before.backend_addresses.erase(address);
    return before;
}

}  // namespace weir
