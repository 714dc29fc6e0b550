#include "lb/api/event_query.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>

#include <array>

#include "lb/api/near.h"

namespace weir {
namespace {

std::vector<std::string> split(const std::string &list) {
    std::vector<std::string> words(1);
    for (const char one : list) {
        if (one == ',')
            words.emplace_back();
        else
            words.back() += one;
    }
    return words;
}

tl::unexpected<Error> unknown(const char *what, const std::string &word,
                              const std::vector<std::string> &names) {
    return fail(Exit::usage, fmt::format("unknown {} \"{}\"{} (there are {})", what, word,
                                         did_you_mean(word, names), fmt::join(names, ", ")));
}

Result<std::uint32_t> parse_kinds(const std::string &list) {
    std::vector<std::string> names;
    names.reserve(WEIR_EVENT_KINDS);
    for (int kind = 0; kind < WEIR_EVENT_KINDS; kind++)
        names.emplace_back(to_string(static_cast<EventKind>(kind)));
    std::uint32_t kinds = 0;
    for (const auto &word : split(list)) {
        const auto found = std::find(names.begin(), names.end(), word);
        if (found == names.end())
            return unknown("event", word, names);
        kinds |= 1U << (found - names.begin());
    }
    return kinds;
}

Result<std::set<std::uint8_t>> parse_reasons(const std::string &list) {
    std::vector<std::string> names;
    names.reserve(WEIR_DROP_REASONS);
    for (std::uint8_t reason = 0; reason < WEIR_DROP_REASONS; reason++)
        names.emplace_back(drop_reason_name(reason));
    std::set<std::uint8_t> reasons;
    for (const auto &word : split(list)) {
        const auto found = std::find(names.begin(), names.end(), word);
        if (found == names.end())
            return unknown("drop reason", word, names);
        reasons.insert(static_cast<std::uint8_t>(found - names.begin()));
    }
    return reasons;
}

Result<void> parse_event_key(EventFilter &filter, const std::string &key,
                             const std::string &value) {
    if (key == "event")
        return parse_kinds(value).map([&](std::uint32_t kinds) { filter.kinds = kinds; });
    if (key == "reason")
        return parse_reasons(value).map(
            [&](std::set<std::uint8_t> reasons) { filter.reasons = std::move(reasons); });
    return fail(Exit::usage, fmt::format("unknown filter \"{}\": there are event, reason, service, "
                                         "client and backend",
                                         key));
}

template <typename T>
Json text_or_null(const std::optional<T> &value) {
    return value ? Json(value->to_string()) : Json(nullptr);
}

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

std::string flags(std::uint8_t tcp_flags) {
    constexpr std::array<std::pair<std::uint8_t, char>, 4> kFlags{
        {{0x02, 'S'}, {0x10, 'A'}, {0x01, 'F'}, {0x04, 'R'}}};
    std::string text;
    for (const auto &[bit, letter] : kFlags)
        if ((tcp_flags & bit) != 0)
            text += letter;
    return text;
}

Json protocol_of(std::uint8_t protocol) {
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
        return to_string(static_cast<Protocol>(protocol));
    return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6 ? Json("icmp") : Json(protocol);
}

Json interface_of(unsigned ifindex) {
    std::array<char, IF_NAMESIZE> name{};
    return if_indextoname(ifindex, name.data()) != nullptr ? Json(name.data()) : Json(nullptr);
}

}  // namespace

bool EventFilter::matches(const FlowEvent &event) const {
    return (kinds >> static_cast<unsigned>(event.kind) & 1U) != 0 &&
           (!service || service == event.service_id) &&
           (!client || client->matches(event.client)) &&
           (!backend || (event.backend && backend->matches(*event.backend))) &&
           (reasons.empty() || (event.reason && reasons.count(*event.reason) != 0));
}

Result<EventFilter> parse_event_filter(const std::map<std::string, std::string> &query,
                                       const Inventory &inventory) {
    EventFilter filter;
    auto of_flows = query;
    for (const auto &[key, value] : query) {
        if (key == "service" || key == "client" || key == "backend")
            continue;
        if (auto parsed = parse_event_key(filter, key, value); !parsed)
            return tl::make_unexpected(parsed.error());
        of_flows.erase(key);
    }
    return parse_flow_filter(of_flows, inventory, "").map([&](const FlowFilter &flows) {
        filter.service = flows.service;
        filter.client = flows.client;
        filter.backend = flows.backend;
        return filter;
    });
}

EventNames::EventNames(const Inventory &inventory) {
    for (const auto &service : inventory.services) {
        services[service.row.id] = service.name;
        for (const auto &backend : service.row.backends)
            backends[backend.id] = backend.endpoint;
    }
}

Json event_document(const FlowEvent &event, const EventNames &names,
                    std::chrono::nanoseconds ahead) {
    const auto service =
        event.service_id ? names.services.find(*event.service_id) : names.services.end();
    auto backend = event.backend;
    if (const auto known =
            event.backend_id ? names.backends.find(*event.backend_id) : names.backends.end();
        !backend && known != names.backends.end())
        backend = known->second;
    return {{"time", seconds(event.time + ahead)},
            {"event", to_string(event.kind)},
            {"service", service == names.services.end() ? Json(nullptr) : Json(service->second)},
            {"protocol", protocol_of(event.protocol)},
            {"client", event.client.to_string()},
            {"vip", event.vip.to_string()},
            {"backend", text_or_null(backend)},
            {"snat", text_or_null(event.snat)},
            {"reason", event.reason ? Json(drop_reason_name(*event.reason)) : Json(nullptr)},
            {"from", event.reply ? "backend" : "client"},
            {"interface", interface_of(event.ifindex)},
            {"bytes", event.length},
            {"tcp_flags", flags(event.tcp_flags)}};
}

Json missing_document(const EventStats &since, std::uint64_t slow,
                      std::chrono::system_clock::time_point now) {
    return {{"time", seconds(now.time_since_epoch())},
            {"event", "missing"},
            {"sampled", since.sampled},
            {"full", since.full},
            {"slow", slow}};
}

}  // namespace weir
