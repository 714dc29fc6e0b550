#include "lb/api/flow_query.h"

#include <fmt/format.h>

#include <unordered_map>
#include <vector>

#include "lb/api/near.h"

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
            return fail(Exit::usage, unknown_service(value, inventory));
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

Result<FlowFilter> parse_flush_filter(const std::map<std::string, std::string> &query,
                                      const Inventory &inventory) {
    const auto all = query.find("all");
    if (all != query.end() && all->second != "true")
        return refuse("all", all->second, "true, or no such filter");
    if (all != query.end() && query.size() > 1)
        return fail(Exit::usage, "all=true means every flow: it does not go with other filters");
    if (query.empty())
        return fail(Exit::usage,
                    "which flows? Filter by service, client or backend, or say all=true (--all)");
    if (query.count("limit") != 0)
        return fail(Exit::usage, "limit is for listing flows, not for deleting them");
    auto filters = query;
    filters.erase("all");
    return parse_flow_filter(filters, inventory);
}

std::string unknown_service(const std::string &name, const Inventory &inventory) {
    std::vector<std::string> names;
    for (const auto &service : inventory.services)
        names.push_back(service.name);
    return fmt::format("no service \"{}\"{} (weir services lists them)", name,
                       did_you_mean(name, names));
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

Result<Json> flush_document(const FlowFlush &flush, const FlowFilter &filter,
                            std::chrono::steady_clock::time_point deadline,
                            const std::atomic<bool> &stop) {
    return flush([&](const Flow &flow) { return filter.matches(flow); },
                 [&] { return !stop && std::chrono::steady_clock::now() < deadline; })
        .map([](const FlowDeletion &done) {
            return Json{{"deleted", done.flows}, {"truncated", !done.complete}};
        });
}

}  // namespace weir
