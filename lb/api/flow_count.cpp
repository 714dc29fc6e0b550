#include "lb/api/flow_count.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {
namespace {

// 64 bytes each: what a request may take of the daemon's memory.
constexpr std::size_t kMostGroups = 65536;

FlowGroup group_of(const Flow &flow, FlowField field) {
    switch (field) {
        case FlowField::service:
            return {{}, flow.service_id};
        case FlowField::client:
            return {flow.client.address, 0};
        case FlowField::vip:
            return {flow.vip.address, flow.vip.port};
        case FlowField::backend:
            return {flow.backend.address, flow.backend.port};
        case FlowField::protocol:
            return {{}, static_cast<std::uint32_t>(flow.protocol)};
        default:
            return {{}, static_cast<std::uint32_t>(flow.state)};
    }
}

Json value_of(const FlowGroup &group, FlowField field, const ServiceNames &names) {
    const auto port = static_cast<std::uint16_t>(group.number);
    switch (field) {
        case FlowField::service: {
            const auto *name = names.find(group.number);
            return name == nullptr ? Json(nullptr) : Json(*name);
        }
        case FlowField::client:
            return group.address.to_string();
        case FlowField::vip:
        case FlowField::backend:
            return Endpoint{group.address, port}.to_string();
        case FlowField::protocol:
            return to_string(static_cast<Protocol>(group.number));
        default:
            return to_string(static_cast<FlowState>(group.number));
    }
}

using Counted = std::pair<FlowGroup, std::uint64_t>;

// The largest first; of equals the one that is first by its bytes.
std::vector<Counted> largest(const FlowGroups &groups, std::size_t limit) {
    std::vector<Counted> all;
    for (const auto &[group, flows] : groups.counts())
        if (flows > 0)
            all.emplace_back(group, flows);
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(limit, all.size()));
    std::partial_sort(all.begin(), end, all.end(), [](const Counted &a, const Counted &b) {
        if (a.second != b.second)
            return a.second > b.second;
        return std::pair(a.first.address, a.first.number) <
               std::pair(b.first.address, b.first.number);
    });
    all.erase(end, all.end());
    return all;
}

// A walk, and the one more that many groups need.
class Count {
  public:
    Count(const FlowCountQuery &query, const GoOn &go_on) : query_(query), go_on_(go_on) {}

    Result<void> run(const FlowWalk &walk) {
        auto done = pass(walk);
        if (!done || groups_.exact() || truncated_)
            return done;
        groups_.begin_second_pass();
        return pass(walk);
    }

    Json document(const ServiceNames &names) const {
        auto groups = Json::array();
        std::uint64_t told = 0;
        for (const auto &[group, flows] : largest(groups_, query_.limit)) {
            told += flows;
            groups.push_back({{"value", value_of(group, *query_.by, names)},
                              {"flows", flows},
                              {"share", static_cast<double>(flows) / static_cast<double>(flows_)}});
        }
        return {{"flows", flows_},
                {"by", query_.by ? Json(to_string(*query_.by)) : Json(nullptr)},
                {"groups", std::move(groups)},
                {"others", query_.by ? flows_ - told : 0},
                {"truncated", truncated_}};
    }

  private:
    Result<void> pass(const FlowWalk &walk) {
        flows_ = 0;
        return walk({}, go_on_,
                    [&](const Flow &flow) {
                        if (!query_.filter.matches(flow))
                            return;
                        ++flows_;
                        if (query_.by)
                            groups_.add(group_of(flow, *query_.by));
                    })
            .map([&](const std::optional<FlowPosition> &rest) { truncated_ = rest.has_value(); });
    }

    const FlowCountQuery &query_;
    const GoOn &go_on_;
    FlowGroups groups_{kMostGroups};
    std::uint64_t flows_ = 0;
    bool truncated_ = false;
};

}  // namespace

Result<FlowCountQuery> parse_flow_count(const Query &query, const Inventory &inventory) {
    FlowCountQuery wanted;
    auto filters = query;
    if (const auto by = query.find("by"); by != query.end()) {
        const auto field = parse_flow_field("by", by->second);
        if (!field)
            return tl::make_unexpected(field.error());
        if (*field == FlowField::idle)
            return fail(Exit::usage, "by \"idle\": flows are not counted by that");
        wanted.by = *field;
        filters.erase("by");
    }
    if (const auto limit = query.find("limit"); limit != query.end()) {
        const auto number = parse_number(limit->second, kMostGroups);
        if (!number || *number == 0)
            return fail(Exit::usage, fmt::format("limit \"{}\": expected a number from 1 to {}",
                                                 limit->second, kMostGroups));
        wanted.limit = *number;
        filters.erase("limit");
    }
    return parse_flow_filter(filters, inventory, ", by and limit")
        .map([&](const FlowFilter &filter) {
            wanted.filter = filter;
            return wanted;
        });
}

std::size_t FlowGroupHash::operator()(const FlowGroup &group) const {
    const auto &bytes = group.address.bytes();
    const std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    return std::hash<std::string_view>()(text) ^ (std::size_t{group.number} * 0x9e3779b97f4a7c15U);
}

void FlowGroups::add(const FlowGroup &group) {
    const auto found = counts_.find(group);
    if (found != counts_.end()) {
        ++found->second;
    } else if (second_) {
        return;
    } else if (counts_.size() < capacity_) {
        counts_.emplace(group, 1);
    } else {
        make_room();
    }
}

// One of each is given up, and one of the group that found no room.
void FlowGroups::make_room() {
    exact_ = false;
    for (auto one = counts_.begin(); one != counts_.end();)
        one = --one->second == 0 ? counts_.erase(one) : std::next(one);
}

void FlowGroups::begin_second_pass() {
    second_ = true;
    for (auto &[group, flows] : counts_)
        flows = 0;
}

Result<std::string> count_document(const FlowWalk &walk, const FlowCountQuery &query,
                                   const ServiceNames &names, const GoOn &go_on) {
    Count count(query, go_on);
    return count.run(walk).map([&] { return dump(count.document(names)); });
}

}  // namespace weir
