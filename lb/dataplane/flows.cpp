// Tables: listing flows.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include "lb/dataplane/map_access.h"
#include "lb/dataplane/tables.h"

namespace weir {

namespace {

// Entries read with one system call.
constexpr std::uint32_t kBatch = 4096;

// The data path's clock: a replay brings its own.
std::chrono::nanoseconds data_path_now(const weir_settings &settings) {
    if (settings.replay_now != 0)
        return std::chrono::nanoseconds(static_cast<std::int64_t>(settings.replay_now));
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::chrono::seconds timeout_of(const weir_settings &settings, std::uint8_t protocol,
                                std::uint8_t state) {
    if (protocol == static_cast<std::uint8_t>(Protocol::udp))
        return std::chrono::seconds(settings.udp_s);
    if (state == WEIR_FLOW_ESTABLISHED)
        return std::chrono::seconds(settings.tcp_established_s);
    const bool ending = state == WEIR_FLOW_CLOSING || state == WEIR_FLOW_CLOSED;
    return std::chrono::seconds(ending ? settings.tcp_transitory_s : settings.tcp_new_s);
}

Address to_address(std::uint32_t v4) {
    return Address::v4(v4);
}
Address to_address(const weir_address &v6) {
    return from_abi(v6);
}

template <typename Tuple>
Flow make_flow(const Tuple &tuple, const weir_flow &entry, std::chrono::nanoseconds now) {
    Flow flow;
    flow.protocol = static_cast<Protocol>(tuple.head.protocol);
    flow.client = {to_address(tuple.saddr), ntohs(tuple.head.sport)};
    flow.vip = {to_address(tuple.daddr), ntohs(tuple.head.dport)};
    flow.backend = {from_abi(entry.daddr), ntohs(entry.dport)};
    const Endpoint source{from_abi(entry.saddr), ntohs(entry.sport)};
    if (source != flow.client)
        flow.snat = source;
    flow.service_id = entry.service;
    flow.backend_id = entry.backend;
    flow.state = static_cast<FlowState>(entry.state);
    const std::chrono::nanoseconds seen(static_cast<std::int64_t>(entry.seen));
    flow.idle = now > seen ? now - seen : std::chrono::nanoseconds(0);
    return flow;
}

// False: `visit` wants no more.
template <typename Tuple>
Result<bool> visit_table(int fd, std::string_view name, const weir_settings &settings,
                         const std::function<bool(const Flow &)> &visit) {
    std::vector<Tuple> keys(kBatch);
    std::vector<weir_flow> values(kBatch);
    std::uint32_t position = 0;
    bool first = true;
    bool last = false;
    while (!last) {
        std::uint32_t count = kBatch;
        const int error = bpf_map_lookup_batch(fd, first ? nullptr : &position, &position,
                                               keys.data(), values.data(), &count, nullptr);
        if (error != 0 && errno != ENOENT)
            return map_error(name, "list its entries", errno);
        first = false;
        last = error != 0;
        const auto now = data_path_now(settings);
        for (std::uint32_t i = 0; i < count; ++i) {
            if (values[i].direction != WEIR_FORWARD)
                continue;
            const Flow flow = make_flow(keys[i], values[i], now);
            const bool live =
                flow.idle < timeout_of(settings, keys[i].head.protocol, values[i].state);
            if (live && !visit(flow))
                return false;
        }
    }
    return true;
}

}  // namespace

std::string_view to_string(FlowState state) {
    switch (state) {
        case FlowState::fresh:
            return "new";
        case FlowState::replied:
            return "replied";
        case FlowState::established:
            return "established";
        case FlowState::closing:
            return "closing";
        case FlowState::closed:
            break;
    }
    return "closed";
}

Result<void> Tables::for_each_flow(const std::function<bool(const Flow &)> &visit) const {
    const auto settings = this->settings();
    if (!settings)
        return tl::make_unexpected(settings.error());
    const auto v4 = [&](int fd, std::string_view name) {
        return visit_table<weir_tuple_v4>(fd, name, *settings, visit);
    };
    const auto v6 = [&](int fd, std::string_view name) {
        return visit_table<weir_tuple_v6>(fd, name, *settings, visit);
    };
    auto more = v4(fds_.flows_v4, "flows_v4");
    if (more && *more)
        more = v6(fds_.flows_v6, "flows_v6");
    if (more && *more)
        more = v4(fds_.flows_new_v4, "flows_new_v4");
    if (more && *more)
        more = v6(fds_.flows_new_v6, "flows_new_v6");
    return more.map([](bool) {});
}

}  // namespace weir
