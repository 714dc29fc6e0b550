#include "lb/api/past.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lb/api/flow_query.h"

namespace weir {
namespace {

Result<std::uint64_t> parse_after(const std::string &value) {
    const auto number = parse_number(value, UINT64_MAX);
    if (!number)
        return fail(Exit::usage, fmt::format("after \"{}\": expected a number", value));
    return *number;
}

// As short as it can be: a tenth matters to small rates only.
Json rate(float value) {
    if (std::isnan(value))
        return nullptr;
    const double tenths = std::round(static_cast<double>(value) * 10);
    if (value >= 100 || std::fmod(tenths, 10) == 0)
        return static_cast<std::uint64_t>(std::llround(value));
    return tenths / 10;
}

// The samples from `first` to the last, one by one.
template <typename Pick>
Json series(const History &history, std::uint64_t first, const Pick &pick) {
    auto values = Json::array();
    for (auto number = first; number <= history.last(); ++number)
        values.push_back(pick(number));
    return values;
}

Json service_series(const History &history, std::uint64_t first, const std::string &name,
                    const History::Service &service) {
    const auto of = [&](float Rates::*what) {
        return series(history, first, [&](auto number) { return rate(service.at(number).*what); });
    };
    return {{"service", name},
            {"forward_packets", of(&Rates::forward_packets)},
            {"forward_bytes", of(&Rates::forward_bytes)},
            {"reply_packets", of(&Rates::reply_packets)},
            {"reply_bytes", of(&Rates::reply_bytes)},
            {"new_flows", of(&Rates::new_flows)}};
}

// Of the first sample in the answer.
std::uint64_t first_of(const History &history, const HistoryQuery &query, std::size_t services) {
    const std::uint64_t most =
        std::max<std::size_t>(1, kMostHistoryPoints / std::max<std::size_t>(1, services));
    const std::uint64_t affordable = history.last() > most ? history.last() - most + 1 : 1;
    // a number of another run of the daemon is none
    const std::uint64_t wanted = query.after > history.last() ? 1 : query.after + 1;
    return std::max({history.first(), affordable, wanted});
}

}  // namespace

Result<HistoryQuery> parse_history_query(const std::map<std::string, std::string> &query,
                                         const Inventory &inventory) {
    HistoryQuery wanted;
    for (const auto &[key, value] : query) {
        if (key == "service") {
            if (inventory.find(value) == nullptr)
                return fail(Exit::usage, unknown_service(value, inventory));
            wanted.service = value;
        } else if (key == "after") {
            const auto after = parse_after(value);
            if (!after)
                return tl::make_unexpected(after.error());
            wanted.after = *after;
        } else {
            return fail(Exit::usage,
                        fmt::format("unknown filter \"{}\": there are after and service", key));
        }
    }
    return wanted;
}

Result<std::uint64_t> parse_events_query(const std::map<std::string, std::string> &query) {
    for (const auto &[key, value] : query)
        if (key != "after")
            return fail(Exit::usage, fmt::format("unknown filter \"{}\": there is after", key));
    const auto found = query.find("after");
    return found == query.end() ? 0 : parse_after(found->second);
}

Json history_document(const History &history, Started started, const HistoryQuery &query) {
    const auto first = first_of(history, query, query.service ? 1 : history.services().size());
    auto services = Json::array();
    for (const auto &[name, service] : history.services())
        if (!query.service || *query.service == name)
            services.push_back(service_series(history, first, name, service));
    auto drops = Json::object();
    for (std::uint8_t reason = 0; reason < WEIR_DROP_REASONS; ++reason)
        drops[std::string(drop_reason_name(reason))] = series(
            history, first, [&](auto number) { return rate(history.drops(number)[reason]); });
    return {
        {"started", unix_seconds(started)},
        {"period", std::chrono::duration<double>(History::kPeriod).count()},
        {"last", history.last()},
        {"times", series(history, first,
                         [&](auto number) { return Json(unix_seconds(history.time(number))); })},
        {"services", std::move(services)},
        {"drops", std::move(drops)}};
}

Json events_document(const Notices &notices, Started started, std::uint64_t after) {
    const auto text_or_null = [](const std::string &text) {
        return text.empty() ? Json(nullptr) : Json(text);
    };
    auto events = Json::array();
    const std::uint64_t beyond = after > notices.last() ? 0 : after;
    for (const auto &[number, time, notice] : notices.entries())
        if (number > beyond)
            events.push_back({{"number", number},
                              {"time", unix_seconds(time)},
                              {"kind", to_string(notice.kind)},
                              {"severity", to_string(notice.severity)},
                              {"text", notice.text},
                              {"service", text_or_null(notice.service)},
                              {"backend", text_or_null(notice.backend)},
                              {"interface", text_or_null(notice.interface)}});
    return {{"started", unix_seconds(started)},
            {"last", notices.last()},
            {"events", std::move(events)}};
}

}  // namespace weir
