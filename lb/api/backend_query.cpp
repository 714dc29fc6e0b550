#include "lb/api/backend_query.h"

#include <fmt/format.h>

#include "lb/api/flow_query.h"

namespace weir {
namespace {

Result<void> take(BackendFilter &filter, const std::string &key, const std::string &value,
                  const Inventory &inventory) {
    if (key == "service") {
        if (inventory.find(value) == nullptr)
            return fail(Exit::usage, unknown_service(value, inventory));
        filter.service = value;
    } else if (key == "attention") {
        if (value != "true")
            return fail(Exit::usage, fmt::format("attention \"{}\": expected true", value));
        filter.attention = true;
    } else if (key == "limit") {
        const auto number = parse_number(value, UINT32_MAX);
        if (!number || *number == 0)
            return fail(Exit::usage, fmt::format("limit \"{}\": expected 1 or more", value));
        filter.limit = *number;
    } else {
        return fail(
            Exit::usage,
            fmt::format("unknown filter \"{}\": there are service, attention and limit", key));
    }
    return {};
}

}  // namespace

Result<BackendFilter> parse_backend_filter(const std::map<std::string, std::string> &query,
                                           const Inventory &inventory) {
    BackendFilter filter;
    for (const auto &[key, value] : query)
        if (auto taken = take(filter, key, value, inventory); !taken)
            return tl::make_unexpected(taken.error());
    return filter;
}

Json backends_document(const Snapshot &snapshot, const BackendViews &views,
                       const BackendFilter &filter) {
    auto backends = Json::array();
    bool truncated = false;
    for (const auto &service : snapshot.services) {
        if (filter.service && service.name != *filter.service)
            continue;
        for (const auto &backend : service.backends) {
            const auto view = view_of(views, service, backend);
            if (filter.attention && !wants_attention(view))
                continue;
            truncated = filter.limit && backends.size() >= *filter.limit;
            if (truncated)
                break;
            backends.push_back(backend_document(service, backend, view));
        }
        if (truncated)
            break;
    }
    return {{"backends", std::move(backends)}, {"truncated", truncated}};
}

}  // namespace weir
