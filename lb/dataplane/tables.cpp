// Tables: services and backends, read whole and written plan by plan.
#include "lb/dataplane/tables.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <map>

#include "lb/dataplane/known.h"
#include "lb/dataplane/map_access.h"
#include "lb/dataplane/rings.h"

namespace weir {

tl::unexpected<Error> map_error(std::string_view map, std::string_view action, int error) {
    return fail(Exit::refused,
                fmt::format("map {}: cannot {}: {}", map, action, std::strerror(error)));
}

namespace {

weir_service_key service_key(const ServiceRow &service) {
    weir_service_key key{};
    key.vip = to_abi(service.vip.address);
    key.port = htons(service.vip.port);
    key.protocol = static_cast<std::uint8_t>(service.protocol);
    return key;
}

constexpr std::array<std::pair<Scheduler, weir_scheduler>, 5> kSchedulers{
    {{Scheduler::maglev, WEIR_SCHEDULE_TUPLE},
     {Scheduler::source_hash, WEIR_SCHEDULE_SOURCE},
     {Scheduler::wrr, WEIR_SCHEDULE_TURN},
     {Scheduler::random, WEIR_SCHEDULE_RANDOM},
     {Scheduler::least_conn, WEIR_SCHEDULE_LEAST}}};

std::uint8_t to_abi(Scheduler scheduler) {
    for (const auto &[ours, abi] : kSchedulers)
        if (ours == scheduler)
            return static_cast<std::uint8_t>(abi);
    return WEIR_SCHEDULE_TUPLE;
}

Scheduler scheduler_of(const weir_service &value) {
    for (const auto &[ours, abi] : kSchedulers)
        if (abi == value.scheduler)
            return ours;
    return Scheduler::maglev;
}

// The enumerations are counted alike.
static_assert(static_cast<int>(BackendState::draining) == WEIR_BACKEND_DRAINING &&
              static_cast<int>(BackendState::down) == WEIR_BACKEND_DOWN &&
              static_cast<int>(BackendState::maintenance) == WEIR_BACKEND_MAINTENANCE);
static_assert(static_cast<int>(OnDown::reset) == WEIR_FLOWS_RESET &&
              static_cast<int>(OnDown::reselect) == WEIR_FLOWS_RESELECT);

weir_service to_abi(std::uint32_t id, const PolicyRow &policy) {
    weir_service value{};
    value.id = id;
    value.mode = policy.mode == Mode::fullnat ? WEIR_MODE_FULLNAT : WEIR_MODE_DNAT;
    value.flags = policy.restricted ? WEIR_SERVICE_RANGES : 0;
    value.scheduler = to_abi(policy.scheduler);
    value.affinity_s = policy.affinity_s;
    value.new_flows_rate = policy.limits.new_flows_per_second;
    value.source_flows_rate = policy.limits.new_flows_per_second_per_source;
    value.flows_per_backend = policy.limits.flows_per_backend;
    return value;
}

PolicyRow from_abi(const weir_service &value) {
    return {value.mode == WEIR_MODE_FULLNAT ? Mode::fullnat : Mode::dnat,
            (value.flags & WEIR_SERVICE_RANGES) != 0,
            value.affinity_s,
            {value.new_flows_rate, value.source_flows_rate, value.flows_per_backend},
            scheduler_of(value)};
}

constexpr std::uint32_t kServiceBits = 32;

weir_source_range to_abi(std::uint32_t service, const RangeKey &key) {
    return {kServiceBits + key.bits, service, weir::to_abi(key.address)};
}

RangeKey from_abi(const weir_source_range &range) {
    return {static_cast<std::uint8_t>(range.prefix - kServiceBits), weir::from_abi(range.address)};
}

// The rows of the services, by id.
using Rows = std::map<std::uint32_t, ServiceRow>;

Result<void> read_services(const NamedMap &map, Rows &rows) {
    return for_each<weir_service_key, weir_service>(
        map, [&](const weir_service_key &key, const weir_service &value) {
            rows[value.id] = {value.id,
                              {weir::from_abi(key.vip), ntohs(key.port)},
                              static_cast<Protocol>(key.protocol),
                              {},
                              from_abi(value),
                              {},
                              0};
        });
}

Result<void> read_backends(const NamedMap &map, Rows &rows, TableState &state) {
    return for_each<std::uint32_t, weir_backend>(map, [&](std::uint32_t id,
                                                          const weir_backend &value) {
        const auto service = rows.find(value.service);
        if (service == rows.end())
            state.orphans.push_back(id);
        else
            service->second.backends.push_back({id,
                                                {weir::from_abi(value.address), ntohs(value.port)},
                                                value.weight,
                                                value.share,
                                                static_cast<BackendState>(value.state),
                                                static_cast<OnDown>(value.flows)});
    });
}

// How long the rings are, where the plan decides on that.
void read_rings(int rings, Rows &rows) {
    for (auto &[id, row] : rows) {
        if (row.policy.scheduler != Scheduler::maglev &&
            row.policy.scheduler != Scheduler::source_hash)
            continue;
        // a ring that cannot be read counts as one of another length, and is made anew
        row.ring_slots = read_ring_slots(rings, id).value_or(row.ring_slots);
    }
}

Result<void> read_ranges(const NamedMap &map, Rows &rows, TableState &state) {
    return for_each<weir_source_range, std::uint8_t>(
        map, [&](const weir_source_range &key, std::uint8_t allow) {
            const auto service = rows.find(key.service);
            if (service == rows.end())
                state.orphan_ranges.emplace_back(key.service, from_abi(key));
            else
                service->second.ranges[from_abi(key)] = allow != 0;
        });
}

Result<void> read_addresses(const NamedMap &map, AddressCounts &counts) {
    return for_each<weir_address, std::uint32_t>(
        map, [&](const weir_address &address, std::uint32_t count) {
            counts[weir::from_abi(address)] = count;
        });
}

Result<void> set_addresses(const NamedMap &map, const std::vector<AddressWrite> &writes) {
    return for_all(writes, [&](const AddressWrite &write) {
        return put(map, weir::to_abi(write.address), write.count,
                   "add " + write.address.to_string());
    });
}

Result<void> remove_addresses(const NamedMap &map, const std::vector<Address> &addresses) {
    return for_all(addresses, [&](const Address &address) {
        return erase(map, weir::to_abi(address), "remove " + address.to_string());
    });
}

}  // namespace

Result<TableState> Tables::read() const {
    Rows rows;
    TableState state;
    auto done = read_services({fds_.services, "services"}, rows)
                    .and_then([&] {
                        return read_backends({fds_.backends, "backends"}, rows, state);
                    })
                    .and_then([&] {
                        return read_ranges({fds_.source_ranges, "source_ranges"}, rows, state);
                    })
                    .and_then([&] {
                        return read_addresses({fds_.vips, "vips"}, state.vips);
                    })
                    .and_then([&] {
                        return read_addresses({fds_.backend_addresses, "backend_addresses"},
                                              state.backend_addresses);
                    });
    if (!done)
        return tl::make_unexpected(done.error());
    read_rings(fds_.rings, rows);
    for (auto &[id, row] : rows)
        state.services.push_back(std::move(row));
    return state;
}

Result<void> Tables::set_backends(const std::vector<BackendWrite> &writes) {
    return for_all(writes, [&](const BackendWrite &write) {
        weir_backend value{};
        value.address = weir::to_abi(write.backend.endpoint.address);
        value.port = htons(write.backend.endpoint.port);
        value.state = static_cast<std::uint8_t>(write.backend.state);
        value.flows = static_cast<std::uint8_t>(write.backend.flows);
        value.service = write.service;
        value.weight = write.backend.weight;
        value.share = write.backend.share;
        return put(NamedMap{fds_.backends, "backends"}, write.backend.id, value,
                   "add " + write.backend.endpoint.to_string());
    });
}

Result<void> Tables::set_services(const Plan &plan) {
    return for_all(plan.set_services, [&](const ServiceRow &service) {
        return put(NamedMap{fds_.services, "services"}, service_key(service),
                   to_abi(service.id, service.policy), "add " + service.vip.to_string());
    });
}

Result<void> Tables::set_ranges(const Plan &plan) {
    return for_all(plan.set_ranges, [&](const RangeWrite &write) {
        const std::uint8_t allow = write.allow ? 1 : 0;
        return put(NamedMap{fds_.source_ranges, "source_ranges"}, to_abi(write.service, write.key),
                   allow, "add a range");
    });
}

Result<void> Tables::remove_ranges(const std::vector<RangeWrite> &ranges) {
    return for_all(ranges, [&](const RangeWrite &write) {
        return erase(NamedMap{fds_.source_ranges, "source_ranges"},
                     to_abi(write.service, write.key), "remove a range");
    });
}

Result<void> Tables::remove(const Plan &plan) {
    const auto by_id = [](const NamedMap &map, const std::vector<std::uint32_t> &ids) {
        return for_all(ids, [&](std::uint32_t id) { return erase(map, id, "remove an entry"); });
    };
    return for_all(plan.remove_services,
                   [&](const ServiceRow &service) {
                       return erase(NamedMap{fds_.services, "services"}, service_key(service),
                                    "remove " + service.vip.to_string());
                   })
        .and_then([&] {
            return remove_addresses({fds_.vips, "vips"}, plan.remove_vips);
        })
        .and_then([&] { return remove_ranges(plan.remove_ranges); })
        .and_then([&] { return empty_rings(fds_.rings, plan.remove_rings); })
        .and_then([&] {
            return by_id({fds_.backends, "backends"}, plan.remove_backends);
        })
        .and_then([&] {
            return remove_addresses({fds_.backend_addresses, "backend_addresses"},
                                    plan.remove_backend_addresses);
        });
}

Result<void> Tables::mark_known(const TableState &state) {
    return weir::mark_known(fds_.known_addresses, WEIR_KNOWN_BACKEND, state.backend_addresses)
        .and_then(
            [&] { return weir::mark_known(fds_.known_addresses, WEIR_KNOWN_VIP, state.vips); });
}

Result<void> Tables::apply(const Plan &plan) {
    return clear_counters(plan)
        .and_then([&] {
            return weir::mark_known(fds_.known_addresses, WEIR_KNOWN_BACKEND,
                                    plan.set_backend_addresses);
        })
        .and_then(
            [&] { return weir::mark_known(fds_.known_addresses, WEIR_KNOWN_VIP, plan.set_vips); })
        .and_then([&] { return remove_ranges(plan.remove_orphan_ranges); })
        .and_then([&] { return set_backends(plan.set_backends); })
        .and_then([&] {
            return set_addresses({fds_.backend_addresses, "backend_addresses"},
                                 plan.set_backend_addresses);
        })
        .and_then([&] { return write_rings(fds_.rings, plan.set_rings); })
        .and_then([&] { return set_backends(plan.lower_backends); })
        .and_then([&] { return set_ranges(plan); })
        .and_then([&] {
            return set_addresses({fds_.vips, "vips"}, plan.set_vips);
        })
        .and_then([&] { return set_services(plan); })
        .and_then([&] { return remove(plan); });
}

}  // namespace weir
