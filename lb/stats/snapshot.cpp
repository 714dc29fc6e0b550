#include "lb/stats/snapshot.h"

#include <algorithm>
#include <map>

namespace weir {
namespace {

std::vector<double> shares_of(const std::vector<BackendRow> &backends) {
    double sum = 0;
    for (const auto &backend : backends)
        sum += backend.weight;
    std::vector<double> shares;
    shares.reserve(backends.size());
    for (const auto &backend : backends)
        shares.push_back(sum > 0 ? backend.weight / sum : 0);
    return shares;
}

Result<ServiceSnapshot> read_service(const Tables &tables, const InventoryService &service,
                                     const Census &census) {
    ServiceSnapshot seen{service.name,
                         service.row.vip,
                         service.row.protocol,
                         service.mode,
                         service.scheduler,
                         {},
                         {}};
    const auto total = tables.service_counters(service.row.id);
    if (!total)
        return tl::make_unexpected(total.error());
    seen.counters = *total;
    for (std::size_t i = 0; i < service.row.backends.size(); i++) {
        const auto &row = service.row.backends[i];
        const auto counters = tables.backend_counters(row.id);
        if (!counters)
            return tl::make_unexpected(counters.error());
        seen.backends.push_back(
            {row.endpoint, row.weight, service.shares[i], *counters, census.flows_of(row.id)});
    }
    return seen;
}

}  // namespace

const InventoryService *Inventory::find(std::string_view name) const {
    const auto found = std::find_if(services.begin(), services.end(),
                                    [&](const auto &service) { return service.name == name; });
    return found == services.end() ? nullptr : &*found;
}

const InventoryService *Inventory::find(std::uint32_t id) const {
    const auto found = std::find_if(services.begin(), services.end(),
                                    [&](const auto &service) { return service.row.id == id; });
    return found == services.end() ? nullptr : &*found;
}

std::size_t Inventory::backends() const {
    std::size_t count = 0;
    for (const auto &service : services)
        count += service.row.backends.size();
    return count;
}

Inventory make_inventory(const Config &config, const TableState &tables) {
    Inventory inventory;
    std::map<std::pair<Endpoint, Protocol>, const ServiceRow *> rows;
    for (const ServiceRow &row : tables.services)
        rows[{row.vip, row.protocol}] = &row;
    for (const auto &wanted : config.services) {
        const auto found = rows.find({wanted.vip, wanted.protocol});
        if (found != rows.end())
            inventory.services.push_back({wanted.name, wanted.mode, wanted.scheduler,
                                          *found->second, shares_of(found->second->backends)});
    }
    return inventory;
}

Result<Snapshot> read_snapshot(const Tables &tables, const Inventory &inventory,
                               const Census &census) {
    Snapshot snapshot;
    for (const auto &service : inventory.services) {
        auto seen = read_service(tables, service, census);
        if (!seen)
            return tl::make_unexpected(seen.error());
        snapshot.services.push_back(std::move(*seen));
    }
    const auto drops = tables.drop_counters();
    if (!drops)
        return tl::make_unexpected(drops.error());
    snapshot.drops = *drops;
    const auto icmp = tables.icmp_counters();
    if (!icmp)
        return tl::make_unexpected(icmp.error());
    snapshot.icmp = *icmp;
    snapshot.tables = census.tables;
    return snapshot;
}

}  // namespace weir
