#include "lb/api/flow_query.h"

#include <fmt/format.h>

#include <unordered_map>

namespace weir {
namespace {

tl::unexpected<Error> refuse(const std::string &key, const std::string &value, const char *wanted) {
    return fail(Exit::usage, fmt::format("{} \"{}\": expected {}", key, value, wanted));
}

Result<void> parse_one(FlowFilter &filter, const std::string &key, const std::string &value,
                       const Inventory &inventory) {
    if (key == "service") {
        const auto *service = inventory.find(value);
        if (service == nullptr)
            return refuse(key, value, "the name of a service (weir services lists them)");
        filter.service = service->row.id;
    } else if (key == "client" || key == "backend") {
        const auto peer = FlowPeer::parse(value);
        if (!peer)
            return refuse(key, value, "an address, ADDRESS:PORT or [IPV6-ADDRESS]:PORT");
        (key == "client" ? filter.client : filter.backend) = peer;
    } else if (key == "limit") {
        const auto limit = parse_number(value, kFlowsMaximumLimit);
        if (!limit || *limit == 0)
            return refuse(key, value, "a number from 1 to 100000");
        filter.limit = *limit;
    } else {
        return fail(Exit::usage, fmt::format("unknown filter \"{}\": there are service, client, "
                                             "backend and limit",
                                             key));
    }
    return {};
}

}  // namespace

std::optional<FlowPeer> FlowPeer::parse(std::string_view text) {
    if (const auto endpoint = Endpoint::parse(text))
        return FlowPeer{endpoint->address, endpoint->port};
    const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
    const auto address = Address::parse(bracketed ? text.substr(1, text.size() - 2) : text);
    if (!address || (bracketed && address->is_v4()))
        return std::nullopt;
    return FlowPeer{*address, std::nullopt};
}

bool FlowPeer::matches(const Endpoint &endpoint) const {
    return address == endpoint.address && (!port || *port == endpoint.port);
}

bool FlowFilter::matches(const Flow &flow) const {
    return (!service || *service == flow.service_id) && (!client || client->matches(flow.client)) &&
           (!backend || backend->matches(flow.backend));
}

Result<FlowFilter> parse_flow_filter(const std::map<std::string, std::string> &query,
                                     const Inventory &inventory) {
    FlowFilter filter;
    for (const auto &[key, value] : query)
        if (auto parsed = parse_one(filter, key, value, inventory); !parsed)
            return tl::make_unexpected(parsed.error());
    return filter;
}

Result<Json> flows_document(const FlowWalk &walk, const FlowFilter &filter,
                            const Inventory &inventory,
                            std::chrono::steady_clock::time_point deadline,
                            const std::atomic<bool> &stop) {
    std::unordered_map<std::uint32_t, std::string> names;
    for (const auto &service : inventory.services)
        names[service.row.id] = service.name;

    auto flows = Json::array();
    bool truncated = false;
    const auto walked = walk([&](const Flow &flow) {
        truncated = stop || std::chrono::steady_clock::now() > deadline ||
                    (flows.size() == filter.limit && filter.matches(flow));
        if (truncated)
            return false;
        if (filter.matches(flow)) {
            const auto name = names.find(flow.service_id);
            flows.push_back(flow_document(
                flow, name == names.end() ? std::nullopt : std::optional(name->second)));
        }
        return true;
    });
    if (!walked)
        return tl::make_unexpected(walked.error());
    return Json{{"flows", std::move(flows)}, {"truncated", truncated}};
}

}  // namespace weir
