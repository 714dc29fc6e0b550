// The keys of `sockets`: the services for the programs of this host, at their sockets.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

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
    constexpr int kDecimal = 10;
    constexpr int kHexadecimal = 16;
    const bool hexadecimal = text.compare(0, 2, "0x") == 0;
    const char *const begin = text.data() + (hexadecimal ? 2 : 0);
    const char *const end = text.data() + text.size();
    std::uint32_t value = 0;
    const auto [rest, error] =
        std::from_chars(begin, end, value, hexadecimal ? kHexadecimal : kDecimal);
    return error == std::errc() && rest == end ? std::optional(value) : std::nullopt;
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

std::optional<PortRange> parse_ports(const std::string &text) {
    const auto one = parse_number(text, kHighestPort);
    const auto ports = one ? std::optional(PortRange{static_cast<std::uint16_t>(*one),
                                                     static_cast<std::uint16_t>(*one)})
                           : PortRange::parse(text);
    return ports && ports->first != 0 ? ports : std::nullopt;
}

// A block, or an address alone.
std::optional<Prefix> parse_addresses(const std::string &text) {
    constexpr std::uint8_t kBitsV4 = 32;
    constexpr std::uint8_t kBitsV6 = 128;
    if (const auto address = Address::parse(text))
        return Prefix{*address, address->is_v4() ? kBitsV4 : kBitsV6};
    return Prefix::parse(text);
}

void read_listener(Problems &problems, const Value &value, ListenerConfig &listener) {
    Mapping mapping(problems, value,
                    {"sockets, listener", {"addresses", "ports", "protocol", "to"}, {}, {}});
    listener.mark = mapping.mark();
    mapping.parsed("addresses", "an address, or a block such as 203.0.113.0/24", parse_addresses,
                   listener.addresses);
    mapping.parsed("ports", "a port, or ports such as 8000-8999", parse_ports, listener.ports);
    mapping.choice("protocol", {Protocol::tcp, Protocol::udp}, {}, listener.protocol);
    mapping.parsed("to", "ADDRESS:PORT, such as 127.0.0.1:8080", parse_listen, listener.to);
    if (listener.to.address.is_v4() != listener.addresses.address.is_v4() && listener.to.port != 0)
        mapping.complain("to", "must be of the family of `addresses`");
    if (listener.protocol == Protocol::udp && listener.to.port != 0 &&
        listener.ports != PortRange{listener.to.port, listener.to.port})
        mapping.complain("ports",
                         "must be that of `to`: a UDP socket answers from the port that it has");
}

void read_listeners(Problems &problems, Mapping &mapping, SocketsConfig &sockets) {
    for (const Value &item : mapping.list("listeners")) {
        ListenerConfig &listener = sockets.listeners.emplace_back();
        read_listener(problems, item, listener);
        if (sockets.listeners.size() > kMostListeners)
            problems.add(listener.mark,
                         fmt::format("sockets: more than {} listeners", kMostListeners));
    }
}

}  // namespace

std::string ListenerConfig::to_string() const {
    return fmt::format("{} {} {}", addresses.to_string(), ports.to_string(),
                       weir::to_string(protocol));
}

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
    Mapping mapping(problems, value,
                    {"sockets", {}, {"cgroup", "bind", "deny", "mark", "listeners", "join"}, {}});
    SocketsConfig &sockets = config.sockets.emplace();
    sockets.mark_of_all = mapping.mark();
    mapping.parsed("cgroup", "a folder of cgroup v2, such as system.slice/web.service",
                   text_if(is_cgroup), sockets.cgroup);
    sockets.cgroup_mark = mapping.value_mark("cgroup");
    if (const Value *bind = mapping.find("bind"))
        read_bind(problems, *bind, sockets);
    mapping.items("deny", "stream, dgram or raw, or one of them after ipv4/ or ipv6/", parse_denied,
                  [&](const DeniedSocket &one, const Mark &) { sockets.deny.push_back(one); });
    read_listeners(problems, mapping, sockets);
    mapping.parsed("mark", "a number from 0 to 0xffffffff", parse_mark, sockets.mark);
    mapping.flag("join", sockets.join);
}

}  // namespace weir
