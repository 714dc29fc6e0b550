#include "lb/dataplane/tables.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <numeric>

#include "lb/dataplane/fd.h"

namespace weir {

namespace {

tl::unexpected<Error> map_error(std::string_view map, std::string_view action, int error) {
    return fail(Exit::refused,
                fmt::format("map {}: cannot {}: {}", map, action, std::strerror(error)));
}

weir_address to_abi(const Address &address) {
    weir_address result{};
    std::memcpy(result.bytes, address.bytes().data(), sizeof result.bytes);
    return result;
}

Address from_abi(const weir_address &address) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), address.bytes, bytes.size());
    return Address(bytes);
}

weir_service_key service_key(const ServiceRow &service) {
    weir_service_key key{};
    key.vip = to_abi(service.vip.address);
    key.port = htons(service.vip.port);
    key.protocol = static_cast<std::uint8_t>(service.protocol);
    return key;
}

// Calls visit(key, value) for every entry of a hash map.
template <typename Key, typename Value, typename Visit>
Result<void> for_each(int fd, std::string_view name, Visit visit) {
    Key key{};
    Key next{};
    const Key *previous = nullptr;
    while (bpf_map_get_next_key(fd, previous, &next) == 0) {
        Value value{};
        if (bpf_map_lookup_elem(fd, &next, &value) == 0)
            visit(next, value);
        key = next;
        previous = &key;
    }
    if (errno != ENOENT)
        return map_error(name, "list its entries", errno);
    return {};
}

// The ring as a map of its own: slot 0 holds the number of slots that follow.
Result<Fd> make_ring(const std::vector<std::uint32_t> &slots) {
    std::vector<std::uint32_t> values;
    values.reserve(slots.size() + 1);
    values.push_back(static_cast<std::uint32_t>(slots.size()));
    values.insert(values.end(), slots.begin(), slots.end());
    std::vector<std::uint32_t> keys(values.size());
    std::iota(keys.begin(), keys.end(), 0U);

    auto count = static_cast<std::uint32_t>(values.size());
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
    Fd ring(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_ring", sizeof(std::uint32_t),
                           sizeof(std::uint32_t), count, &options));
    if (!ring)
        return map_error("rings", "make a ring", errno);
    if (bpf_map_update_batch(ring.get(), keys.data(), values.data(), &count, nullptr) != 0)
        return map_error("rings", "fill a ring", errno);
    return ring;
}

}  // namespace

Result<TableState> Tables::read() const {
    std::map<std::uint32_t, ServiceRow> rows;
    auto done = for_each<weir_service_key, weir_service>(
        fds_.services, "services", [&](const weir_service_key &key, const weir_service &value) {
            rows[value.id] = {value.id,
                              {from_abi(key.vip), ntohs(key.port)},
                              static_cast<Protocol>(key.protocol),
                              {}};
        });
    if (!done)
        return tl::make_unexpected(done.error());

    TableState state;
    done = for_each<std::uint32_t, weir_backend>(
        fds_.backends, "backends", [&](std::uint32_t id, const weir_backend &value) {
            const auto service = rows.find(value.service);
            if (service == rows.end())
                state.orphans.push_back(id);
            else
                service->second.backends.push_back(
                    {id, {from_abi(value.address), ntohs(value.port)}, value.weight});
        });
    if (!done)
        return tl::make_unexpected(done.error());
    for (auto &[id, row] : rows)
        state.services.push_back(std::move(row));
    return state;
}

Result<void> Tables::set_backends(const Plan &plan) {
    for (const BackendWrite &write : plan.set_backends) {
        weir_backend value{};
        value.address = to_abi(write.backend.endpoint.address);
        value.port = htons(write.backend.endpoint.port);
        value.state = WEIR_BACKEND_ACTIVE;
        value.service = write.service;
        value.weight = write.backend.weight;
        if (bpf_map_update_elem(fds_.backends, &write.backend.id, &value, BPF_ANY) != 0)
            return map_error("backends", "add " + write.backend.endpoint.to_string(), errno);
    }
    return {};
}

Result<void> Tables::set_rings(const Plan &plan) {
    for (const RingWrite &write : plan.set_rings) {
        auto ring = make_ring(write.slots);
        if (!ring)
            return tl::make_unexpected(ring.error());
        const int fd = ring->get();
        if (bpf_map_update_elem(fds_.rings, &write.service, &fd, BPF_ANY) != 0)
            return map_error("rings", "set a ring", errno);
    }
    return {};
}

Result<void> Tables::set_services(const Plan &plan) {
    for (const ServiceRow &service : plan.set_services) {
        const weir_service_key key = service_key(service);
        weir_service value{};
        value.id = service.id;
        value.mode = WEIR_MODE_DNAT;
        if (bpf_map_update_elem(fds_.services, &key, &value, BPF_ANY) != 0)
            return map_error("services", "add " + service.vip.to_string(), errno);
    }
    return {};
}

Result<void> Tables::remove(const Plan &plan) {
    for (const ServiceRow &service : plan.remove_services) {
        const weir_service_key key = service_key(service);
        if (bpf_map_delete_elem(fds_.services, &key) != 0 && errno != ENOENT)
            return map_error("services", "remove " + service.vip.to_string(), errno);
    }
    for (const std::uint32_t service : plan.remove_rings)
        if (bpf_map_delete_elem(fds_.rings, &service) != 0 && errno != ENOENT)
            return map_error("rings", "remove a ring", errno);
    for (const std::uint32_t backend : plan.remove_backends)
        if (bpf_map_delete_elem(fds_.backends, &backend) != 0 && errno != ENOENT)
            return map_error("backends", "remove a backend", errno);
    return {};
}

Result<void> Tables::apply(const Plan &plan) {
    return clear_counters(plan)
        .and_then([&] { return set_backends(plan); })
        .and_then([&] { return set_rings(plan); })
        .and_then([&] { return set_services(plan); })
        .and_then([&] { return remove(plan); });
}

Result<void> Tables::write_timeouts(const Timeouts &timeouts) {
    const auto seconds = [](std::chrono::seconds value) {
        return static_cast<std::uint32_t>(value.count());
    };
    const std::uint32_t zero = 0;
    weir_settings value{};
    value.abi = WEIR_ABI;
    value.tcp_established_s = seconds(timeouts.tcp_established);
    value.tcp_transitory_s = seconds(timeouts.tcp_transitory);
    value.tcp_new_s = seconds(timeouts.tcp_new);
    value.udp_s = seconds(timeouts.udp);
    if (bpf_map_update_elem(fds_.settings, &zero, &value, BPF_ANY) != 0)
        return map_error("settings", "write the timeouts", errno);
    return {};
}

Result<void> Tables::set_xdp_device(unsigned ifindex, XdpMode mode) {
    const std::uint32_t value = mode == XdpMode::generic ? WEIR_XDP_GENERIC : WEIR_XDP_NATIVE;
    if (bpf_map_update_elem(fds_.xdp_devices, &ifindex, &value, BPF_ANY) != 0)
        return map_error("xdp_devices", "add an interface", errno);
    return {};
}

Result<void> Tables::remove_xdp_device(unsigned ifindex) {
    if (bpf_map_delete_elem(fds_.xdp_devices, &ifindex) != 0 && errno != ENOENT)
        return map_error("xdp_devices", "remove an interface", errno);
    return {};
}

Result<void> Tables::keep_xdp_devices(const std::vector<AttachedInterface> &attached) {
    std::vector<std::uint32_t> gone;
    auto done = for_each<std::uint32_t, std::uint32_t>(
        fds_.xdp_devices, "xdp_devices", [&](std::uint32_t ifindex, std::uint32_t) {
            const bool kept = std::any_of(attached.begin(), attached.end(), [&](const auto &one) {
                return one.ifindex == ifindex && one.hook == Hook::xdp;
            });
            if (!kept)
                gone.push_back(ifindex);
        });
    if (!done)
        return done;
    for (const std::uint32_t ifindex : gone)
        if (auto removed = remove_xdp_device(ifindex); !removed)
            return removed;
    return {};
}

Result<void> Tables::set_replay_frame(std::chrono::nanoseconds time, std::uint32_t wire_length) {
    const std::uint32_t zero = 0;
    weir_settings value{};
    if (bpf_map_lookup_elem(fds_.settings, &zero, &value) != 0)
        return map_error("settings", "read", errno);
    value.replay_now = static_cast<std::uint64_t>(time.count());
    value.replay_length = wire_length;
    if (bpf_map_update_elem(fds_.settings, &zero, &value, BPF_ANY) != 0)
        return map_error("settings", "describe the frame", errno);
    return {};
}

Result<weir_trace> Tables::take_trace() {
    const std::uint32_t zero = 0;
    const weir_trace nothing{WEIR_NO_SERVICE, WEIR_NO_BACKEND, WEIR_TRACE_NONE, WEIR_DROP_NONE, {}};
    weir_trace seen{};
    if (bpf_map_lookup_elem(fds_.trace, &zero, &seen) != 0)
        return map_error("trace", "read", errno);
    if (bpf_map_update_elem(fds_.trace, &zero, &nothing, BPF_ANY) != 0)
        return map_error("trace", "reset", errno);
    return seen;
}

}  // namespace weir
