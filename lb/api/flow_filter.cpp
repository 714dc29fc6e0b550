#include "lb/api/flow_filter.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "lb/api/near.h"
#include "lb/config/duration.h"

namespace weir {
namespace {

constexpr std::array<FlowField, 7> kFields{
    FlowField::service,  FlowField::client, FlowField::vip, FlowField::backend,
    FlowField::protocol, FlowField::state,  FlowField::idle};

tl::unexpected<Error> refuse(std::string_view key, std::string_view value,
                             std::string_view wanted) {
    return fail(Exit::usage, fmt::format("{} \"{}\": expected {}", key, value, wanted));
}

std::optional<FlowState> parse_state(std::string_view name) {
    for (const FlowState state : {FlowState::fresh, FlowState::replied, FlowState::established,
                                  FlowState::closing, FlowState::closed})
        if (name == to_string(state))
            return state;
    return std::nullopt;
}

Result<void> set_service(FlowFilter &filter, const std::string &value, const Inventory &inventory) {
    const auto *service = inventory.find(value);
    if (service == nullptr)
        return fail(Exit::usage, unknown_service(value, inventory));
    filter.service = service->row.id;
    return {};
}

Result<void> set_peer(std::optional<FlowPeer> &to, const std::string &key,
                      const std::string &value) {
    to = FlowPeer::parse(value);
    if (!to)
        return refuse(key, value,
                      "an address, ADDRESS:PORT, [IPV6-ADDRESS]:PORT or a prefix such as "
                      "192.0.2.0/24");
    return {};
}

Result<void> set_protocol(FlowFilter &filter, const std::string &value) {
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        if (value == to_string(protocol))
            filter.protocol = protocol;
    if (!filter.protocol)
        return refuse("protocol", value, "tcp or udp");
    return {};
}

Result<void> set_states(FlowFilter &filter, const std::string &value) {
    std::string_view rest = value;
    for (bool more = true; more;) {
        const auto name = rest.substr(0, rest.find(','));
        const auto state = parse_state(name);
        if (!state)
            return refuse("state", value,
                          "new, replied, established, closing or closed, or some of them with "
                          "commas between");
        filter.states.set(static_cast<std::size_t>(*state));
        more = name.size() < rest.size();
        rest.remove_prefix(name.size() + (more ? 1 : 0));
    }
    return {};
}

Result<void> set_idle(FlowFilter &filter, const std::string &value) {
    const auto idle = parse_short_duration(value);
    if (!idle)
        return fail(Exit::usage, fmt::format("idle \"{}\" {}", value, idle.error()));
    filter.idle = *idle;
    return {};
}

}  // namespace

std::optional<FlowPeer> FlowPeer::parse(std::string_view text) {
    const auto one = [](const Address &address) {
        return Prefix{address, static_cast<std::uint8_t>(address.is_v4() ? 32 : 128)};
    };
    if (const auto prefix = Prefix::parse(text))
        return FlowPeer{*prefix, std::nullopt};
    if (const auto endpoint = Endpoint::parse(text))
        return FlowPeer{one(endpoint->address), endpoint->port};
    const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
    const auto address = Address::parse(bracketed ? text.substr(1, text.size() - 2) : text);
    if (!address || (bracketed && address->is_v4()))
        return std::nullopt;
    return FlowPeer{one(*address), std::nullopt};
}

bool FlowPeer::matches(const Endpoint &endpoint) const {
    return addresses.contains(endpoint.address) && (!port || *port == endpoint.port);
}

bool FlowFilter::matches(const Flow &flow) const {
    return (!service || *service == flow.service_id) && (!client || client->matches(flow.client)) &&
           (!vip || vip->matches(flow.vip)) && (!backend || backend->matches(flow.backend)) &&
           (!protocol || *protocol == flow.protocol) &&
           (states.none() || states.test(static_cast<std::size_t>(flow.state))) &&
           flow.idle >= idle;
}

Result<FlowFilter> parse_flow_filter(const Query &query, const Inventory &inventory,
                                     std::string_view others) {
    FlowFilter filter;
    const auto set = [&](const std::string &key, const std::string &value) -> Result<void> {
        if (key == "service")
            return set_service(filter, value, inventory);
        if (key == "client")
            return set_peer(filter.client, key, value);
        if (key == "vip")
            return set_peer(filter.vip, key, value);
        if (key == "backend")
            return set_peer(filter.backend, key, value);
        if (key == "protocol")
            return set_protocol(filter, value);
        if (key == "state")
            return set_states(filter, value);
        if (key == "idle")
            return set_idle(filter, value);
        return fail(Exit::usage, fmt::format("unknown filter \"{}\": there are service, client, "
                                             "vip, backend, protocol, state, idle{}",
                                             key, others));
    };
    for (const auto &[key, value] : query)
        if (auto done = set(key, value); !done)
            return tl::make_unexpected(done.error());
    return filter;
}

Result<FlowFilter> parse_flush_filter(const Query &query, const Inventory &inventory) {
    const auto all = query.find("all");
    if (all != query.end() && all->second != "true")
        return refuse("all", all->second, "true, or no such filter");
    if (all != query.end() && query.size() > 1)
        return fail(Exit::usage, "all=true means every flow: it does not go with other filters");
    if (query.empty())
        return fail(Exit::usage,
                    "which flows? Filter by service, client, vip, backend, protocol, state or "
                    "idle, or say all=true (--all)");
    for (const auto *key : {"limit", "sort", "page"})
        if (query.count(key) != 0)
            return fail(Exit::usage,
                        fmt::format("{} is for listing flows, not for deleting them", key));
    auto filters = query;
    filters.erase("all");
    return parse_flow_filter(filters, inventory, " and all");
}

std::string unknown_service(const std::string &name, const Inventory &inventory) {
    std::vector<std::string> names;
    for (const auto &service : inventory.services)
        names.push_back(service.name);
    return fmt::format("no service \"{}\"{} (weir services lists them)", name,
                       did_you_mean(name, names));
}

Result<FlowField> parse_flow_field(std::string_view key, std::string_view name) {
    std::string known;
    for (const FlowField field : kFields) {
        if (name == to_string(field))
            return field;
        known += fmt::format("{}{}", known.empty() ? "" : ", ", to_string(field));
    }
    return refuse(key, name, "one of " + known);
}

std::string_view to_string(FlowField field) {
    switch (field) {
        case FlowField::service:
            return "service";
        case FlowField::client:
            return "client";
        case FlowField::vip:
            return "vip";
        case FlowField::backend:
            return "backend";
        case FlowField::protocol:
            return "protocol";
        case FlowField::state:
            return "state";
        case FlowField::idle:
            break;
    }
    return "idle";
}

}  // namespace weir
