// The keys of `sockets`: the services for the programs of this host, at their sockets.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lb/config/schema.h"

namespace weir {

namespace {

constexpr std::uint64_t kHighestPort = 65535;
constexpr std::size_t kLongestCgroup = 4095;  // PATH_MAX, without its end

// Below the root of cgroup v2, or from the root of the file system; never out of it again.
bool is_cgroup(const std::string &text) {
    return !text.empty() && text.size() <= kLongestCgroup && is_printable(text) &&
           ("/" + text + "/").find("/../") == std::string::npos;
}

std::optional<AllowedBind> parse_allowed(const std::string &text) {
    if (const auto port = parse_number(text, kHighestPort); port && *port != 0)
        return AllowedBind{std::nullopt, static_cast<std::uint16_t>(*port)};
    const auto endpoint = Endpoint::parse(text);
    return endpoint && endpoint->port != 0
               ? std::optional(AllowedBind{endpoint->address, endpoint->port})
               : std::nullopt;
}

std::optional<DeniedSocket> parse_denied(const std::string &text) {
    for (const auto family : {SocketFamily::any, SocketFamily::ipv4, SocketFamily::ipv6})
        for (const auto type : {SocketType::stream, SocketType::dgram, SocketType::raw})
            if (const DeniedSocket one{family, type}; one.to_string() == text)
                return one;
    return std::nullopt;
}

// A number in decimal, or in hexadecimal as iptables and tc print marks.
std::optional<std::uint32_t> parse_mark(const std::string &text) {
    std::size_t end = 0;
    try {
        const auto value = std::stoull(text, &end, 0);
        if (end == text.size() && text.front() != '-' && value <= UINT32_MAX)
            return static_cast<std::uint32_t>(value);
    } catch (const std::exception &) {
        return std::nullopt;
    }
    return std::nullopt;
}

void read_bind(Problems &problems, const Value &value, SocketsConfig &sockets) {
    Mapping bind(problems, value, {"sockets, bind", {}, {"guard", "allow"}, {}});
    bind.flag("guard", sockets.guard);
    bind.items("allow", "ports such as 8080, or ADDRESS:PORT", parse_allowed,
               [&](const AllowedBind &one, const Mark &mark) {
                   sockets.allow.push_back(one);
                   if (sockets.allow.size() > kMostAllowedBinds)
                       problems.add(mark, fmt::format("sockets, bind: more than {} entries in "
                                                      "`allow`",
                                                      kMostAllowedBinds));
               });
}

}  // namespace

std::string_view to_string(SocketFamily family) {
    switch (family) {
        case SocketFamily::ipv4:
            return "ipv4";
        case SocketFamily::ipv6:
            return "ipv6";
        case SocketFamily::any:
            break;
    }
    return "";
}

std::string_view to_string(SocketType type) {
    switch (type) {
        case SocketType::stream:
            return "stream";
        case SocketType::dgram:
            return "dgram";
        case SocketType::raw:
            break;
    }
    return "raw";
}

std::string DeniedSocket::to_string() const {
    return family == SocketFamily::any
               ? std::string(weir::to_string(type))
               : fmt::format("{}/{}", weir::to_string(family), weir::to_string(type));
}

std::string AllowedBind::to_string() const {
    return address ? Endpoint{*address, port}.to_string() : std::to_string(port);
}

void read_sockets(Problems &problems, const Value &value, Config &config) {
    Mapping mapping(problems, value, {"sockets", {}, {"cgroup", "bind", "deny", "mark"}, {}});
    SocketsConfig &sockets = config.sockets.emplace();
    sockets.mark_of_all = mapping.mark();
    mapping.parsed("cgroup", "a folder of cgroup v2, such as system.slice/web.service",
                   text_if(is_cgroup), sockets.cgroup);
    sockets.cgroup_mark = mapping.value_mark("cgroup");
    if (const Value *bind = mapping.find("bind"))
        read_bind(problems, *bind, sockets);
    mapping.items("deny", "stream, dgram or raw, or one of them after ipv4/ or ipv6/", parse_denied,
                  [&](const DeniedSocket &one, const Mark &) { sockets.deny.push_back(one); });
    mapping.parsed("mark", "a number from 0 to 0xffffffff", parse_mark, sockets.mark);
}

}  // namespace weir
