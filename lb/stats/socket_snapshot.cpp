#include "lb/stats/socket_snapshot.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "lb/stats/snapshot.h"

namespace weir {
namespace {

struct SocketCounts {
    std::vector<SocketCounters> services, backends;
    std::vector<SocketHistograms> histograms;
    std::vector<std::uint32_t> live;
    std::vector<JoinCounters> joined;
};

Result<SocketCounts> read_counters(const SocketTables &tables, const JoinObjects *join,
                                   const Inventory &inventory) {
    const std::uint32_t services = inventory.service_ids();
    const std::uint32_t backends = inventory.backend_ids();
    SocketCounts all;
    const auto keep = [](auto &to) { return [&to](auto read) { to = std::move(read); }; };
    return tables.service_counters(services)
        .map(keep(all.services))
        .and_then([&] { return tables.histograms(services).map(keep(all.histograms)); })
        .and_then([&] { return tables.backend_counters(backends).map(keep(all.backends)); })
        .and_then([&] { return tables.live(backends).map(keep(all.live)); })
        .and_then([&] {
            return join == nullptr ? Result<void>()
                                   : join->counters(services).map(keep(all.joined));
        })
        .map([&] { return std::move(all); });
}

std::optional<JoinCounters> joined_of(const SocketCounts &counters, std::uint32_t service) {
    return counters.joined.empty() ? std::nullopt : std::optional(counters.joined.at(service));
}

SocketServiceSnapshot make_service(const InventoryService &service, const SocketCounts &counters) {
    const auto &row = service.row;
    SocketServiceSnapshot seen{service.name,
                               row.protocol,
                               counters.services.at(row.id),
                               counters.histograms.at(row.id),
                               joined_of(counters, row.id),
                               {}};
    for (const auto &backend : row.backends)
        seen.backends.push_back(
            {backend.endpoint, counters.backends.at(backend.id), counters.live.at(backend.id)});
    return seen;
}

// Those whose service or cgroup nobody knows any more are left out.
std::vector<SocketUserSnapshot> make_users(const SocketTables &tables, const Inventory &inventory,
                                           const std::vector<SocketUser> &users,
                                           CgroupNames &names) {
    std::vector<SocketUserSnapshot> seen;
    std::vector<SocketUser> gone;
    const bool all_known = std::all_of(users.begin(), users.end(), [&](const SocketUser &user) {
        return user.cgroup == 0 || names.find(user.cgroup);
    });
    const bool known = !all_known && names.refresh(std::chrono::steady_clock::now());
    for (const SocketUser &user : users) {
        const auto *service = inventory.find(user.service);
        const auto name =
            user.cgroup == 0 ? std::optional<std::string>("other") : names.find(user.cgroup);
        if (!name && known)
            gone.push_back(user);
        else if (!name)
            continue;  // it is new, or gone: the next look tells
        else if (service != nullptr || user.service == WEIR_NO_SERVICE)
            seen.push_back({*name, service == nullptr ? "" : service->name, user.times});
    }
    static_cast<void>(tables.forget_users(gone));  // they are met again
    return seen;
}

}  // namespace

Result<SocketSnapshot> read_socket_snapshot(const SocketTables &tables, const JoinObjects *join,
                                            const Inventory &inventory, CgroupNames &names) {
    SocketSnapshot snapshot;
    return read_counters(tables, join, inventory)
        .map([&](const SocketCounts &counters) {
            for (const auto &service : inventory.services)
                snapshot.services.push_back(make_service(service, counters));
        })
        .and_then([&] { return tables.refusals(); })
        .map([&](const SocketRefusals &refusals) { snapshot.refusals = refusals; })
        .and_then([&] { return tables.events(); })
        .map([&](const SocketEvents &events) { snapshot.events = events; })
        .and_then([&] { return tables.users(); })
        .map([&](const std::vector<SocketUser> &users) {
            snapshot.users = make_users(tables, inventory, users, names);
            return std::move(snapshot);
        });
}

}  // namespace weir
