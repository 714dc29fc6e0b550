#include "lb/model/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "lb/model/maglev.h"

namespace weir {

namespace {

// Hands out ids below a limit.
class IdPool {
  public:
    explicit IdPool(std::uint32_t limit) : limit_(limit) {}

    void mark_used(std::uint32_t id) {
        used_.insert(id);
        next_ = std::max(next_, id + 1);
    }
    // The caller knows that there is a free one.
    std::uint32_t take() {
        while (next_ >= limit_ || used_.count(next_) != 0)
            next_ = next_ + 1 >= limit_ ? 0 : next_ + 1;
        used_.insert(next_);
        return next_++;
    }
    std::size_t free_count() const { return limit_ - used_.size(); }

  private:
    std::uint32_t limit_;
    std::uint32_t next_ = 0;
    std::set<std::uint32_t> used_;
};

bool same_backends(const ServiceRow &a, const ServiceRow &b) {
    return std::is_permutation(a.backends.begin(), a.backends.end(), b.backends.begin(),
                               b.backends.end());
}

using ServiceKey = std::tuple<Endpoint, Protocol>;

class Planner {
  public:
    Planner(const TableState &current, const Config &desired, RingScope scope)
        : current_(current),
          desired_(desired),
          scope_(scope),
          service_ids_(desired.limits.services),
          backend_ids_(desired.limits.backends) {
        for (const ServiceRow &service : current.services) {
            before_[{service.vip, service.protocol}] = &service;
            service_ids_.mark_used(service.id);
            for (const BackendRow &backend : service.backends)
                backend_ids_.mark_used(backend.id);
        }
        for (const std::uint32_t orphan : current.orphans)
            backend_ids_.mark_used(orphan);
    }

    Result<Plan> run() {
        for (const ServiceConfig &service : desired_.services)
            if (auto added = add_service(service); !added)
                return tl::make_unexpected(added.error());
        remove_the_rest();
        return std::move(plan_);
    }

  private:
    Result<void> add_service(const ServiceConfig &wanted) {
        const auto found = before_.find({wanted.vip, wanted.protocol});
        const ServiceRow *before = found == before_.end() ? nullptr : found->second;
        ServiceRow row{0, wanted.vip, wanted.protocol, {}};
        if (before != nullptr) {
            row.id = before->id;
            before_.erase(found);
        } else if (service_ids_.free_count() == 0) {
            return too_many("services", desired_.limits.services);
        } else {
            row.id = service_ids_.take();
            plan_.fresh_services.push_back(row.id);
        }
        if (auto added = add_backends(wanted, before, row); !added)
            return added;

        const bool ring_changed = before == nullptr || !same_backends(*before, row);
        if (ring_changed || scope_ == RingScope::all)
            plan_.set_rings.push_back({row.id, build_maglev_ring(row.backends)});
        if (before == nullptr)
            plan_.set_services.push_back(row);
        plan_.result.services.push_back(std::move(row));
        return {};
    }

    Result<void> add_backends(const ServiceConfig &wanted, const ServiceRow *before,
                              ServiceRow &row) {
        std::map<Endpoint, BackendRow> known;
        if (before != nullptr)
            for (const BackendRow &backend : before->backends)
                known[backend.endpoint] = backend;
        for (const BackendConfig &backend : wanted.backends) {
            BackendRow now{0, backend.endpoint, backend.weight};
            const auto found = known.find(backend.endpoint);
            const bool is_known = found != known.end();
            if (!is_known && backend_ids_.free_count() == 0)
                return too_many("backends", desired_.limits.backends);
            now.id = is_known ? found->second.id : backend_ids_.take();
            if (!is_known)
                plan_.fresh_backends.push_back(now.id);
            if (!is_known || found->second.weight != now.weight)
                plan_.set_backends.push_back({row.id, now});
            if (is_known)
                known.erase(found);
            row.backends.push_back(now);
        }
        for (const auto &[endpoint, backend] : known)
            plan_.remove_backends.push_back(backend.id);
        return {};
    }

    void remove_the_rest() {
        for (const auto &[key, service] : before_) {
            plan_.remove_services.push_back(*service);
            plan_.remove_rings.push_back(service->id);
            for (const BackendRow &backend : service->backends)
                plan_.remove_backends.push_back(backend.id);
        }
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
    IdPool service_ids_;
    IdPool backend_ids_;
    std::map<ServiceKey, const ServiceRow *> before_;
    Plan plan_;
};

}  // namespace

bool Plan::empty() const {
    return set_backends.empty() && set_rings.empty() && set_services.empty() &&
           remove_services.empty() && remove_rings.empty() && remove_backends.empty();
}

Result<Plan> make_plan(const TableState &current, const Config &desired, RingScope scope) {
    return Planner(current, desired, scope).run();
}

}  // namespace weir
