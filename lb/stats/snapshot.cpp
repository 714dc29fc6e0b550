#include "lb/stats/snapshot.h"

#include <algorithm>

#include "lb/model/maglev.h"

namespace weir {
namespace {

std::vector<double> ring_shares(const std::vector<BackendRow> &backends) {
    const auto ring = build_maglev_ring(backends);
    std::vector<double> shares;
    for (const auto &backend : backends) {
        const auto slots = std::count(ring.begin(), ring.end(), backend.id);
        shares.push_back(
            ring.empty() ? 0 : static_cast<double>(slots) / static_cast<double>(ring.size()));
    }
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
    for (const auto &wanted : config.services) {
        const auto row = std::find_if(
            tables.services.begin(), tables.services.end(), [&](const auto &candidate) {
                return candidate.vip == wanted.vip && candidate.protocol == wanted.protocol;
            });
        if (row != tables.services.end())
            inventory.services.push_back(
                {wanted.name, wanted.mode, wanted.scheduler, *row, ring_shares(row->backends)});
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
