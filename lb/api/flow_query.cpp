#include "lb/api/flow_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

namespace weir {
namespace {

constexpr std::string_view kStart = "start";

// "5.1024": map and bucket
std::optional<FlowPosition> parse_position(std::string_view text) {
    constexpr auto kMost = std::numeric_limits<std::uint32_t>::max();
    if (text == kStart)
        return FlowPosition{};
    const auto dot = std::min(text.find('.'), text.size());
    const auto map = parse_number(text.substr(0, dot), kMost);
    const auto bucket = parse_number(text.substr(std::min(dot + 1, text.size())), kMost);
    if (!map || !bucket)
        return std::nullopt;
    return FlowPosition{static_cast<std::uint32_t>(*map), static_cast<std::uint32_t>(*bucket)};
}

Result<void> parse_limit(FlowQuery &query, const std::string &value) {
    const auto limit = parse_number(value, kFlowsMaximumLimit);
    if (!limit || *limit == 0)
        return fail(Exit::usage,
                    fmt::format("limit \"{}\": expected a number from 1 to {} (page lists more)",
                                value, kFlowsMaximumLimit));
    query.limit = *limit;
    return {};
}

Result<void> parse_sort(FlowQuery &query, std::string_view value) {
    const bool descending = value.substr(0, 1) == "-";
    return parse_flow_field("sort", value.substr(descending ? 1 : 0)).map([&](FlowField field) {
        query.sort = {field, descending};
    });
}

Result<void> parse_page(FlowQuery &query, const std::string &value) {
    query.page = parse_position(value);
    if (!query.page)
        return fail(
            Exit::usage,
            fmt::format("page \"{}\": expected start, or the `next` of the page before", value));
    return {};
}

// Before it is compared, what the field of a flow is; the rest is by client, so that the same flows
// always come in the same order.
class Before {
  public:
    Before(const FlowSort &sort, const ServiceNames &names) : sort_(sort), names_(names) {}

    bool operator()(const Flow &a, const Flow &b) const {
        const auto order = compare(a, b);
        if (order != 0)
            return sort_.descending ? order > 0 : order < 0;
        return a.client < b.client;
    }

  private:
    std::strong_ordering compare(const Flow &a, const Flow &b) const {
        switch (sort_.field) {
            case FlowField::service:
                return name(a).compare(name(b)) <=> 0;
            case FlowField::client:
                return a.client <=> b.client;
            case FlowField::vip:
                return a.vip <=> b.vip;
            case FlowField::backend:
                return a.backend <=> b.backend;
            case FlowField::protocol:
                return a.protocol <=> b.protocol;
            case FlowField::state:
                return a.state <=> b.state;
            case FlowField::idle:
                break;
        }
        return a.idle <=> b.idle;
    }
    std::string_view name(const Flow &flow) const {
        const auto *name = names_.find(flow.service_id);
        return name == nullptr ? std::string_view() : *name;
    }

    FlowSort sort_;
    const ServiceNames &names_;
};

// The flows of one answer, written as they come.
class Listing {
  public:
    explicit Listing(const ServiceNames &names) : names_(names) {}

    std::size_t size() const { return size_; }

    void add(const Flow &flow) {
        const auto endpoint = [](const std::optional<Endpoint> &one) {
            return one ? fmt::format("\"{}\"", one->to_string()) : std::string("null");
        };
        fmt::format_to(
            std::back_inserter(text_),
            R"({}{{"service":{},"protocol":"{}","client":{},"vip":{},"backend":{},"snat":{},)"
            R"("state":"{}","idle":{:.3f}}})",
            size_ == 0 ? "" : ",", service(flow.service_id), to_string(flow.protocol),
            endpoint(flow.client), endpoint(flow.vip), endpoint(flow.backend), endpoint(flow.snat),
            to_string(flow.state), std::chrono::duration<double>(flow.idle).count());
        ++size_;
    }

    std::string finish(bool truncated, bool out_of_time,
                       const std::optional<FlowPosition> &next = {}) && {
        text_ += fmt::format(
            R"(],"truncated":{},"out_of_time":{},"next":{}}})", truncated, out_of_time,
            next ? fmt::format(R"("{}.{}")", next->map, next->bucket) : std::string("null"));
        return std::move(text_);
    }

  private:
    // As JSON, made once for each service.
    const std::string &service(std::uint32_t id) {
        const auto [known, added] = services_.try_emplace(id, "null");
        const auto *name = added ? names_.find(id) : nullptr;
        if (name != nullptr)
            known->second = dump(Json(*name));
        return known->second;
    }

    const ServiceNames &names_;
    std::unordered_map<std::uint32_t, std::string> services_;
    std::string text_ = R"({"flows":[)";
    std::size_t size_ = 0;
};

Result<std::string> list_page(const FlowWalk &walk, const FlowQuery &query,
                              const ServiceNames &names, const GoOn &go_on) {
    Listing listing(names);
    return walk(
               *query.page, [&] { return listing.size() < kFlowsPage && go_on(); },
               [&](const Flow &flow) {
                   if (query.filter.matches(flow))
                       listing.add(flow);
               })
        .map([&](const std::optional<FlowPosition> &next) {
            return std::move(listing).finish(next.has_value(), false, next);
        });
}

Result<std::string> list_first(const FlowWalk &walk, const FlowQuery &query,
                               const ServiceNames &names, const GoOn &go_on) {
    Listing listing(names);
    bool more = false;
    return walk(
               {}, [&] { return !more && go_on(); },
               [&](const Flow &flow) {
                   if (more || !query.filter.matches(flow))
                       return;
                   more = listing.size() == query.limit;
                   if (!more)
                       listing.add(flow);
               })
        .map([&](const std::optional<FlowPosition> &rest) {
            return std::move(listing).finish(more || rest, rest && !more);
        });
}

Result<std::string> list_sorted(const FlowWalk &walk, const FlowQuery &query,
                                const ServiceNames &names, const GoOn &go_on) {
    const Before before(*query.sort, names);
    std::vector<Flow> first;  // a heap, the last of them on top
    bool more = false;
    const auto keep = [&](const Flow &flow) {
        if (!query.filter.matches(flow))
            return;
        if (first.size() == query.limit) {
            more = true;
            if (!before(flow, first.front()))
                return;
            std::pop_heap(first.begin(), first.end(), before);
            first.pop_back();
        }
        first.push_back(flow);
        std::push_heap(first.begin(), first.end(), before);
    };
    return walk({}, go_on, keep).map([&](const std::optional<FlowPosition> &rest) {
        std::sort_heap(first.begin(), first.end(), before);
        Listing listing(names);
        for (const Flow &flow : first)
            listing.add(flow);
        return std::move(listing).finish(more || rest, rest.has_value());
    });
}

}  // namespace

ServiceNames::ServiceNames(const Inventory &inventory) {
    for (const auto &service : inventory.services)
        names_[service.row.id] = service.name;
}

const std::string *ServiceNames::find(std::uint32_t id) const {
    const auto found = names_.find(id);
    return found == names_.end() ? nullptr : &found->second;
}

Result<FlowQuery> parse_flow_query(const Query &query, const Inventory &inventory) {
    FlowQuery wanted;
    Query filters;
    for (const auto &[key, value] : query) {
        Result<void> done;
        if (key == "limit")
            done = parse_limit(wanted, value);
        else if (key == "sort")
            done = parse_sort(wanted, value);
        else if (key == "page")
            done = parse_page(wanted, value);
        else
            filters[key] = value;
        if (!done)
            return tl::make_unexpected(done.error());
    }
    if (wanted.page && (wanted.sort || query.count("limit") != 0))
        return fail(Exit::usage,
                    "page lists all flows as they come: it goes neither with sort nor "
                    "with limit");
    return parse_flow_filter(filters, inventory, ", limit, sort and page")
        .map([&](const FlowFilter &filter) {
            wanted.filter = filter;
            return wanted;
        });
}

Result<std::string> flows_document(const FlowWalk &walk, const FlowQuery &query,
                                   const ServiceNames &names, const GoOn &go_on) {
    if (query.page)
        return list_page(walk, query, names, go_on);
    return query.sort ? list_sorted(walk, query, names, go_on)
                      : list_first(walk, query, names, go_on);
}

Result<std::string> flush_document(const FlowFlush &flush, const FlowFilter &filter,
                                   const GoOn &go_on) {
    return flush([&](const Flow &flow) { return filter.matches(flow); }, go_on)
        .map([](const FlowDeletion &done) {
            return dump(Json{{"deleted", done.flows}, {"truncated", !done.complete}});
        });
}

}  // namespace weir
