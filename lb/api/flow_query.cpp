#include "lb/api/flow_query.h"

#include <fmt/format.h>

#include <unordered_map>

namespace weir {
namespace {

tl::unexpected<Error> refuse(const std::string &key, const std::string &value, const char *wanted) {
    return fail(Exit::usage, fmt::format("{} \"{}\": expected {}", key, value, wanted));
}

Result<void> parse_backend(FlowFilter &filter, const std::string &value) {
    filter.backend = Address::parse(value);
    if (filter.backend)
        return {};
    const auto endpoint = Endpoint::parse(value);
    if (!endpoint)
        return refuse("backend", value, "an address, or ADDRESS:PORT");
    filter.backend = endpoint->address;
    filter.backend_port = endpoint->port;
    return {};
}

Result<void> parse_one(FlowFilter &filter, const std::string &key, const std::string &value,
                       const Inventory &inventory) {
    if (key == "service") {
        const auto *service = inventory.find(value);
        if (service == nullptr)
            return refuse(key, value, "the name of a service (weir services lists them)");
        filter.service = service->row.id;
    } else if (key == "client") {
        filter.client = Address::parse(value);
        if (!filter.client)
            return refuse(key, value, "an address");
    } else if (key == "backend") {
        return parse_backend(filter, value);
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

bool FlowFilter::matches(const Flow &flow) const {
    return (!service || *service == flow.service_id) &&
           (!client || *client == flow.client.address) &&
           (!backend || *backend == flow.backend.address) &&
           (!backend_port || *backend_port == flow.backend.port);
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
