// Tables: listing flows.
#include <arpa/inet.h>

#include "lb/dataplane/flow_table.h"
#include "lb/dataplane/map_access.h"
#include "lb/dataplane/tables.h"

namespace weir {

namespace {

// Entries read with one system call.
constexpr std::uint32_t kBatch = 4096;

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
    flow.idle = idle_time(entry, now);
    return flow;
}

// False: `visit` wants no more.
template <typename Tuple>
Result<bool> visit_table(int fd, std::string_view name, const weir_settings &settings,
                         const std::function<bool(const Flow &)> &visit) {
    BatchReader reader({fd, name}, sizeof(Tuple), sizeof(weir_flow), kBatch);
    while (true) {
        const auto more = reader.next();
        if (!more)
            return tl::make_unexpected(more.error());
        if (!*more)
            return true;
        const auto now = data_path_now(settings);
        for (std::uint32_t i = 0; i < reader.size(); ++i) {
            const auto tuple = reader.key<Tuple>(i);
            const auto entry = reader.value<weir_flow>(i);
            if (entry.direction == WEIR_FORWARD &&
                !is_expired(settings, tuple.head.protocol, entry, now) &&
                !visit(make_flow(tuple, entry, now)))
                return false;
        }
    }
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
