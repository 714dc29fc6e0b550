// The keys of a service's `health_check`: those of every type, and those of its own.
#include <fmt/format.h>

#include <algorithm>

#include "lb/config/duration.h"
#include "lb/config/schema.h"

namespace weir {

namespace {

constexpr std::uint32_t kMostInARow = 100;
constexpr std::size_t kLongestText = 1024;
constexpr std::size_t kMostWords = 64;
constexpr std::size_t kLongestHost = 253;  // RFC 1035, 2.3.4, as text
constexpr std::chrono::milliseconds kShortestInterval{10};
constexpr std::chrono::milliseconds kLongestInterval{3600 * 1000};
constexpr std::chrono::milliseconds kLongestTimeout{60 * 1000};

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

bool is_visible(const std::string &text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<std::string> parse_path(const std::string &text) {
    return text.empty() || text.front() != '/' || !is_visible(text)
               ? std::nullopt
               : text_up_to(kLongestText)(text);
}

std::optional<std::string> parse_file(const std::string &text) {
    const bool printable =
        std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    return text.empty() || text.front() != '/' || !printable ? std::nullopt
                                                             : text_up_to(kLongestText)(text);
}

bool is_name(const std::string &text) {
    constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    std::size_t label = 0;
    for (const char c : text) {
        if (c == '.' && label == 0)
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63 || kLetters.find(c) == std::string_view::npos)
            return false;
    }
    return !text.empty() && text.size() <= kLongestHost;
}

// A name that can be asked for, or stand in a certificate; no wildcards.
std::optional<std::string> parse_name(const std::string &text) {
    return is_name(text) ? std::optional(text) : std::nullopt;
}

std::optional<std::string> parse_name_or_address(const std::string &text) {
    return is_name(text) || Address::parse(text) ? std::optional(text) : std::nullopt;
}

// RFC 9110, 7.2: "web.example", "web.example:8080", "192.0.2.1", "[2001:db8::1]:8080"
std::optional<std::string> parse_authority(const std::string &text) {
    if (Endpoint::parse(text) || (!text.empty() && Endpoint::parse(text + ":1")))
        return text;
    const auto colon = text.find(':');
    const bool port_fits =
        colon == std::string::npos || parse_number(text.substr(colon + 1), 65535).value_or(0) != 0;
    return port_fits && is_name(text.substr(0, colon)) ? std::optional(text) : std::nullopt;
}

// Text, or any bytes as YAML's `!!binary` (base64).
void read_bytes(Mapping &mapping, std::string_view key, std::string &target) {
    constexpr std::string_view kExpected = "a text of 1 to 1024 bytes";
    const Value *value = mapping.find(key);
    if (value == nullptr || value->node.Tag() != "tag:yaml.org,2002:binary")
        return mapping.parsed(key, kExpected, text_up_to(kLongestText), target);
    const auto text = mapping.scalar(key, kExpected);
    const auto bytes = YAML::DecodeBase64(text.value_or(""));
    if (bytes.empty() || bytes.size() > kLongestText)
        return mapping.complain(key, "must be 1 to 1024 bytes in base64");
    target.assign(bytes.begin(), bytes.end());
}

void read_times(Mapping &mapping, HealthCheckConfig &check) {
    mapping.duration("interval", check.interval);
    check.timeout = std::min(check.timeout, check.interval);
    mapping.duration("timeout", check.timeout);
    mapping.number("rise", 1, kMostInARow, check.rise);
    mapping.number("fall", 1, kMostInARow, check.fall);
    if (check.interval < kShortestInterval || check.interval > kLongestInterval)
        mapping.refuse("interval", "from 10ms to 1h", print_duration(check.interval));
    if (check.timeout > kLongestTimeout)
        mapping.refuse("timeout", "at most 1m", print_duration(check.timeout));
    if (check.timeout > check.interval)
        mapping.refuse("timeout",
                       fmt::format("at most the interval ({})", print_duration(check.interval)),
                       print_duration(check.timeout));
}

void read_http(Mapping &mapping, HealthCheckConfig &check) {
    mapping.parsed("path", "a path that begins with '/', without blanks", parse_path, check.path);
    mapping.parsed("host", "a host name or an address, with a port if need be", parse_authority,
                   check.host);
    mapping.parsed("status", "a status or a range of them, such as 200 or 200-399", parse_status,
                   check.status);
    read_bytes(mapping, "body", check.body);
    mapping.flag("verify", check.verify);
    mapping.parsed("ca_file", "an absolute path of printable ASCII", parse_file, check.ca_file);
    mapping.parsed("sni", "a host name or an address", parse_name_or_address, check.sni);
}

void read_datagrams(Mapping &mapping, HealthCheckConfig &check) {
    read_bytes(mapping, "send", check.send);
    read_bytes(mapping, "expect", check.expect);
    if (check.type == CheckType::udp && mapping.find("send") == nullptr)
        mapping.complain("send", "is missing: a type udp check needs a datagram that is answered");
}

void read_query(Mapping &mapping, HealthCheckConfig &check) {
    const auto parse_record = [](const std::string &text) -> std::optional<bool> {
        return text == "A" || text == "AAAA" ? std::optional(text == "AAAA") : std::nullopt;
    };
    mapping.parsed("query", "a domain name", parse_name, check.query);
    mapping.parsed("record", "A or AAAA", parse_record, check.query_v6);
    if (check.type == CheckType::dns && mapping.find("query") == nullptr)
        mapping.complain("query", "is missing: a type dns check asks for a name");
    const auto expected = Address::parse(check.expect);
    if (check.type == CheckType::dns && !check.expect.empty() &&
        (!expected || expected->is_v4() == check.query_v6))
        mapping.refuse("expect", check.query_v6 ? "an IPv6 address" : "an IPv4 address",
                       check.expect);
}

void read_command(Mapping &mapping, HealthCheckConfig &check) {
    const auto parse_word = [](const std::string &word) -> std::optional<std::string> {
        const bool fits = word.size() <= kLongestText && word.find('\0') == std::string::npos;
        return fits ? std::optional(word) : std::nullopt;
    };
    mapping.items("command", "a program and its arguments, of at most 1024 bytes each", parse_word,
                  [&](const std::string &word, const Mark &) { check.command.push_back(word); });
    if (check.type != CheckType::exec)
        return;
    if (mapping.find("command") == nullptr)
        mapping.complain("command", "is missing: a type exec check runs a program");
    else if (check.command.empty() || check.command.front().substr(0, 1) != "/")
        mapping.complain("command", "must begin with the absolute path of a program");
    else if (check.command.size() > kMostWords)
        mapping.complain("command", "must not have more than 64 words");
}

const std::vector<CheckType> &all_types() {
    static const std::vector<CheckType> kTypes{CheckType::tcp, CheckType::http, CheckType::https,
                                               CheckType::udp, CheckType::dns,  CheckType::icmp,
                                               CheckType::exec};
    return kTypes;
}

// The type says which keys there may be; one that is not known is what is wrong, and not its keys.
Keys keys_beside(const Value &value) {
    const YAML::Node type = value.node.IsMap() ? value.node["type"] : YAML::Node();
    const bool has_one = type.IsDefined() && type.IsScalar();
    Keys all;
    for (const CheckType one : all_types()) {
        Keys own = keys_of(one);
        if (has_one && type.Scalar() == to_string(one))
            return own;
        all.insert(all.end(), own.begin(), own.end());
    }
    return has_one ? all : Keys();
}

}  // namespace

void read_health_check(Problems &problems, const Value &value, const std::string &what,
                       HealthCheckConfig &check) {
    Shape shape{what + ", health_check", {"type"}, {"interval", "timeout", "rise", "fall"}, {}};
    const Keys own = keys_beside(value);
    shape.optional.insert(shape.optional.end(), own.begin(), own.end());
    Mapping mapping(problems, value, shape);
    mapping.choice("type", all_types(), {}, check.type);
    read_times(mapping, check);
    read_http(mapping, check);
    read_datagrams(mapping, check);
    read_query(mapping, check);
    read_command(mapping, check);
}

}  // namespace weir
