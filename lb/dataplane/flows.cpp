// Tables: listing flows.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

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
    return std::chrono::seconds(state == WEIR_FLOW_CLOSING ? settings.tcp_transitory_s
                                                           : settings.tcp_new_s);
}

Flow make_flow(const weir_tuple_v4 &tuple, const weir_flow_v4 &entry,
               std::chrono::nanoseconds now) {
    Flow flow;
    flow.protocol = static_cast<Protocol>(tuple.protocol);
    flow.client = {Address::v4(tuple.saddr), ntohs(tuple.sport)};
    flow.vip = {Address::v4(tuple.daddr), ntohs(tuple.dport)};
    flow.backend = {Address::v4(entry.daddr), ntohs(entry.flow.dport)};
    flow.service_id = entry.flow.service;
    flow.backend_id = entry.flow.backend;
    flow.state = static_cast<FlowState>(entry.flow.state);
    const std::chrono::nanoseconds seen(static_cast<std::int64_t>(entry.flow.seen));
    flow.idle = now > seen ? now - seen : std::chrono::nanoseconds(0);
    return flow;
}

// False: `visit` wants no more.
Result<bool> visit_table(int fd, std::string_view name, const weir_settings &settings,
                         const std::function<bool(const Flow &)> &visit) {
    std::vector<weir_tuple_v4> keys(kBatch);
    std::vector<weir_flow_v4> values(kBatch);
    std::uint32_t position = 0;
    bool first = true;
    bool last = false;
    while (!last) {
        std::uint32_t count = kBatch;
        const int error = bpf_map_lookup_batch(fd, first ? nullptr : &position, &position,
                                               keys.data(), values.data(), &count, nullptr);
        if (error != 0 && errno != ENOENT)
            return fail(Exit::refused, fmt::format("map {}: cannot list its entries: {}", name,
                                                   std::strerror(errno)));
        first = false;
        last = error != 0;
        const auto now = data_path_now(settings);
        for (std::uint32_t i = 0; i < count; ++i) {
            if (values[i].flow.direction != WEIR_FORWARD)
                continue;
            const Flow flow = make_flow(keys[i], values[i], now);
            const bool live =
                flow.idle < timeout_of(settings, keys[i].protocol, values[i].flow.state);
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
            break;
    }
    return "closing";
}

Result<void> Tables::for_each_flow(const std::function<bool(const Flow &)> &visit) const {
    const std::uint32_t zero = 0;
    weir_settings settings{};
    if (bpf_map_lookup_elem(fds_.settings, &zero, &settings) != 0)
        return fail(Exit::refused,
                    fmt::format("map settings: cannot read: {}", std::strerror(errno)));
    const auto more = visit_table(fds_.flows_v4, "flows_v4", settings, visit);
    if (!more)
        return tl::make_unexpected(more.error());
    if (!*more)
        return {};
    const auto rest = visit_table(fds_.flows_new_v4, "flows_new_v4", settings, visit);
    if (!rest)
        return tl::make_unexpected(rest.error());
    return {};
}

}  // namespace weir
