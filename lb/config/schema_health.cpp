// The keys of a service's `health_check`: those of every type, and those of its own.
#include <fmt/format.h>

#include <algorithm>

#include "lb/config/schema.h"

namespace weir {

namespace {

constexpr std::uint32_t kMostInARow = 100;
constexpr std::size_t kLongestText = 1024;
constexpr std::chrono::milliseconds kShortestInterval{10};

using Keys = std::vector<std::string_view>;

Keys keys_of(CheckType type) {
    switch (type) {
        case CheckType::http:
            return {"path", "host", "status", "body"};
        case CheckType::https:
            return {"path", "host", "status", "body", "verify", "ca_file", "sni"};
        case CheckType::udp:
            return {"send", "expect"};
        case CheckType::dns:
            return {"query", "record", "expect"};
        case CheckType::exec:
            return {"command"};
        case CheckType::tcp:
        case CheckType::icmp:
            break;
    }
    return {};
}

auto text_up_to(std::size_t longest) {
    return [longest](const std::string &text) -> std::optional<std::string> {
        return text.empty() || text.size() > longest ? std::nullopt : std::optional(text);
    };
}

// "200" or "200-399"
std::optional<std::pair<std::uint16_t, std::uint16_t>> parse_status(const std::string &text) {
    const auto range =
        PortRange::parse(text.find('-') == std::string::npos ? text + "-" + text : text);
    if (!range || range->first < 100 || range->last > 599)
        return std::nullopt;
    return std::pair(range->first, range->last);
}

// As it stands in a request: no blanks, no control characters.
std::optional<std::string> parse_token(const std::string &text) {
    const bool fine =
        std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
    return fine ? text_up_to(kLongestText)(text) : std::nullopt;
}

std::optional<std::string> parse_path(const std::string &text) {
    return text.empty() || text.front() != '/' ? std::nullopt : parse_token(text);
}

std::optional<std::string> parse_file(const std::string &text) {
    return text.empty() || text.front() != '/' ? std::nullopt : text_up_to(kLongestText)(text);
}

// A name as RFC 1035, 2.3.4 bounds it.
std::optional<std::string> parse_query(const std::string &text) {
    std::size_t label = 0;
    for (const char c : text) {
        label = c == '.' ? 0 : label + 1;
        if (label > 63)
            return std::nullopt;
    }
    const bool empty_label = text.find("..") != std::string::npos || text.front() == '.';
    return text.size() > 253 || empty_label ? std::nullopt : parse_token(text);
}

void read_times(Mapping &mapping, HealthCheckConfig &check) {
    mapping.duration("interval", check.interval);
    check.timeout = std::min(check.timeout, check.interval);
    mapping.duration("timeout", check.timeout);
    mapping.number("rise", 1, kMostInARow, check.rise);
    mapping.number("fall", 1, kMostInARow, check.fall);
    if (check.interval < kShortestInterval)
        mapping.complain("interval", "must be at least 10ms");
    if (check.timeout > check.interval)
        mapping.complain("timeout", "must not be longer than interval");
}

void read_http(Mapping &mapping, HealthCheckConfig &check) {
    mapping.parsed("path", "a path that begins with '/', without blanks", parse_path, check.path);
    mapping.parsed("host", "a host name", parse_token, check.host);
    mapping.parsed("status", "a status or a range of them, such as 200 or 200-399", parse_status,
                   check.status);
    mapping.parsed("body", "a text of 1 to 1024 bytes", text_up_to(kLongestText), check.body);
    mapping.flag("verify", check.verify);
    mapping.parsed("ca_file", "an absolute path", parse_file, check.ca_file);
    mapping.parsed("sni", "a host name", parse_token, check.sni);
}

void read_datagrams(Mapping &mapping, HealthCheckConfig &check) {
    mapping.parsed("send", "a text of 1 to 1024 bytes", text_up_to(kLongestText), check.send);
    mapping.parsed("expect", "a text of 1 to 1024 bytes", text_up_to(kLongestText), check.expect);
    if (check.type == CheckType::udp && mapping.find("send") == nullptr)
        mapping.complain("send", "is missing: a type udp check needs a datagram that is answered");
}

void read_query(Mapping &mapping, HealthCheckConfig &check) {
    const auto parse_record = [](const std::string &text) -> std::optional<bool> {
        return text == "A" || text == "AAAA" ? std::optional(text == "AAAA") : std::nullopt;
    };
    mapping.parsed("query", "a domain name", parse_query, check.query);
    mapping.parsed("record", "A or AAAA", parse_record, check.query_v6);
    if (check.type == CheckType::dns && mapping.find("query") == nullptr)
        mapping.complain("query", "is missing: a type dns check asks for a name");
    const auto expected = Address::parse(check.expect);
    if (check.type == CheckType::dns && !check.expect.empty() &&
        (!expected || expected->is_v4() == check.query_v6))
        mapping.complain("expect", "must be an address of the type asked for");
}

void read_command(Mapping &mapping, HealthCheckConfig &check) {
    mapping.items("command", "a program and its arguments", text_up_to(kLongestText),
                  [&](const std::string &word, const Mark &) { check.command.push_back(word); });
    if (check.type != CheckType::exec)
        return;
    if (check.command.empty())
        mapping.complain("command", "is missing: a type exec check runs a program");
    else if (check.command.front().front() != '/')
        mapping.complain("command", "must begin with the absolute path of a program");
}

}  // namespace

void read_health_check(Problems &problems, const Value &value, const std::string &what,
                       HealthCheckConfig &check) {
    // the type says which keys there may be
    const YAML::Node type = value.node.IsMap() ? value.node["type"] : YAML::Node();
    const std::vector<CheckType> types{CheckType::tcp, CheckType::http, CheckType::https,
                                       CheckType::udp, CheckType::dns,  CheckType::icmp,
                                       CheckType::exec};
    for (const CheckType one : types)
        if (type.IsDefined() && type.IsScalar() && type.Scalar() == to_string(one))
            check.type = one;
    Shape shape{what + ", health_check", {"type"}, {"interval", "timeout", "rise", "fall"}, {}};
    const Keys own = keys_of(check.type);
    shape.optional.insert(shape.optional.end(), own.begin(), own.end());
    Mapping mapping(problems, value, shape);
    mapping.choice("type", types, {}, check.type);
    read_times(mapping, check);
    read_http(mapping, check);
    read_datagrams(mapping, check);
    read_query(mapping, check);
    read_command(mapping, check);
}

}  // namespace weir
