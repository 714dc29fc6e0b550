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

// Of all services and backends, by their ids.
struct AllCounters {
    std::vector<Counters> services, backends;
    std::vector<FlowLatencies> latencies;  // of the services
};

Result<AllCounters> read_counters(const Tables &tables, const Inventory &inventory) {
    const std::uint32_t services = inventory.service_ids();
    const std::uint32_t backends = inventory.backend_ids();
    auto of_services = tables.all_service_counters(services);
    if (!of_services)
        return tl::make_unexpected(of_services.error());
    auto latencies = tables.all_latencies(services);
    if (!latencies)
        return tl::make_unexpected(latencies.error());
    return tables.all_backend_counters(backends).map([&](std::vector<Counters> of_backends) {
        return AllCounters{std::move(*of_services), std::move(of_backends), std::move(*latencies)};
    });
}

ServiceSnapshot make_service(const InventoryService &service, const AllCounters &counters,
                             const Census &census) {
    ServiceSnapshot seen{service.name,
                         service.row.vip,
                         service.row.protocol,
                         service.mode,
                         service.scheduler,
                         counters.services.at(service.row.id),
                         counters.latencies.at(service.row.id),
                         {}};
    for (std::size_t i = 0; i < service.row.backends.size(); i++) {
        const auto &row = service.row.backends[i];
        seen.backends.push_back({row.endpoint, row.weight, service.shares[i],
                                 counters.backends.at(row.id), census.flows_of(row.id)});
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

std::uint32_t Inventory::service_ids() const {
    std::uint32_t above = 0;
    for (const auto &service : services)
        above = std::max(above, service.row.id + 1);
    return above;
}

std::uint32_t Inventory::backend_ids() const {
    std::uint32_t above = 0;
    for (const auto &service : services)
        for (const auto &backend : service.row.backends)
            above = std::max(above, backend.id + 1);
    return above;
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
    const auto counters = read_counters(tables, inventory);
    if (!counters)
        return tl::make_unexpected(counters.error());
    for (const auto &service : inventory.services)
        snapshot.services.push_back(make_service(service, *counters, census));
    const auto drops = tables.drop_counters();
    if (!drops)
        return tl::make_unexpected(drops.error());
    snapshot.drops = *drops;
    const auto icmp = tables.icmp_counters();
    if (!icmp)
        return tl::make_unexpected(icmp.error());
    snapshot.icmp = *icmp;
    const auto events = tables.event_stats();
    if (!events)
        return tl::make_unexpected(events.error());
    snapshot.events = *events;
    snapshot.tables = census.tables;
    return snapshot;
}

}  // namespace weir
