// The keys of weir.yaml, mapping by mapping.
#include "lb/config/schema.h"

#include <fmt/format.h>

namespace weir {

namespace {

constexpr std::uint32_t kMostFlows = 64U << 20U;  // a slip of the hand, not a load, is above it
constexpr std::uint32_t kMostServices = 1U << 20U;
constexpr std::uint32_t kMostBackends = 1U << 20U;
constexpr std::uint32_t kSmallestRing = 7;
constexpr std::uint32_t kLargestRing = 1U << 23U;  // 64 MiB of table
// The data path keeps the time between two flows in whole nanoseconds.
constexpr std::uint32_t kHighestRate = 1000000000;
constexpr std::uint16_t kLowestSnatPort = 1024;
constexpr std::size_t kLongestInterface = 15;  // IFNAMSIZ without the NUL
constexpr std::size_t kLongestName = 63;       // as a DNS label; fits a metric label

// As dev_valid_name() in the kernel's net/core/dev.c, and printable.
bool is_interface_name(const std::string &text) {
    return !text.empty() && text.size() <= kLongestInterface && is_printable(text) &&
           text.find_first_of("/: ") == std::string::npos && text != "." && text != "..";
}

bool is_unicast(const Address &address) {
    const auto &bytes = address.bytes();
    if (address == Address() || address == Address::v4(0, 0, 0, 0) ||
        address == Address::v4(255, 255, 255, 255))
        return false;
    return address.is_v4() ? (bytes[12] & 0xf0U) != 0xe0 : bytes[0] != 0xff;
}

void read_unicast(Mapping &mapping, std::string_view key, Address &target) {
    mapping.parsed(key, "an IPv4 or IPv6 address", Address::parse, target);
    // An address that is missing or malformed comes by here as "::", but has been noted already.
    if (!is_unicast(target))
        mapping.refuse(key, "a unicast address", target.to_string());
}

void read_interface(Problems &problems, const Value &value, InterfaceConfig &interface) {
    Mapping mapping(problems, value,
                    {describe("interface", value), {"name"}, {"hook", "xdp_mode"}, {}});
    interface.mark = mapping.mark();
    mapping.parsed("name",
                   fmt::format("an interface name (1 to {} characters without '/', ':' and blanks)",
                               kLongestInterface),
                   text_if(is_interface_name), interface.name);
    mapping.choice("hook", {Hook::xdp, Hook::tc, Hook::automatic}, {}, interface.hook);
    mapping.choice("xdp_mode", {XdpMode::native, XdpMode::generic, XdpMode::offload}, {},
                   interface.xdp_mode);
}

void read_backend(Problems &problems, const Value &value, const std::string &service,
                  BackendConfig &backend) {
    const std::string what = service + ", backend";
    Mapping mapping(problems, value,
                    {what, {"address", "port"}, {"weight", "fallback", "health_check"}, {}});
    backend.mark = mapping.mark();
    read_unicast(mapping, "address", backend.endpoint.address);
    mapping.port("port", backend.endpoint.port);
    mapping.number("weight", 0, kHighestWeight, backend.weight);
    mapping.flag("fallback", backend.fallback);
    const Value *check = mapping.find("health_check");
    if (check == nullptr)
        return;
    Mapping elsewhere(problems, *check, {what + ", health_check", {}, {"address", "port"}, {}});
    if (elsewhere.find("address") != nullptr)
        read_unicast(elsewhere, "address", backend.check_address.emplace());
    if (elsewhere.find("port") != nullptr)
        elsewhere.port("port", backend.check_port.emplace());
}

std::optional<SourceRange> parse_source_range(const std::string &text) {
    const bool deny = !text.empty() && text.front() == '!';
    const auto prefix = Prefix::parse(std::string_view(text).substr(deny ? 1 : 0));
    return prefix ? std::optional(SourceRange{*prefix, !deny}) : std::nullopt;
}

// Who may open flows, how many, and for how long they stay together.
void read_policy(Problems &problems, Mapping &service, const std::string &what,
                 ServiceConfig &target) {
    if (const Value *value = service.find("session_affinity"))
        Mapping(problems, *value, {what + ", session_affinity", {"timeout"}, {}, {}})
            .duration("timeout", target.session_affinity);
    service.items("source_ranges",
                  "address blocks without host bits, such as 198.51.100.0/24 or, to deny it, "
                  "\"!198.51.100.0/24\"",
                  parse_source_range, [&](SourceRange range, const Mark &mark) {
                      range.mark = mark;
                      target.source_ranges.push_back(range);
                  });
    const Value *value = service.find("limits");
    if (value == nullptr)
        return;
    Mapping limits(
        problems, *value,
        {what + ", limits",
         {},
         {"new_flows_per_second", "new_flows_per_second_per_source", "flows_per_backend"},
         {}});
    limits.number("new_flows_per_second", 1, kHighestRate, target.limits.new_flows_per_second);
    limits.number("new_flows_per_second_per_source", 1, kHighestRate,
                  target.limits.new_flows_per_second_per_source);
    limits.number("flows_per_backend", 1, kMostFlows, target.limits.flows_per_backend);
}

bool is_prime(std::uint32_t number) {
    if (number < 2)
        return false;
    for (std::uint32_t factor = 2; factor <= number / factor; ++factor)
        if (number % factor == 0)
            return false;
    return true;
}

// Which backend a new flow gets.
void read_scheduling(Mapping &mapping, ServiceConfig &service) {
    mapping.choice("scheduler",
                   {Scheduler::maglev, Scheduler::wrr, Scheduler::least_conn, Scheduler::random,
                    Scheduler::source_hash},
                   {}, service.scheduler);
    const auto parse_size = [](const std::string &text) -> std::optional<std::uint32_t> {
        const auto size = parse_number(text, kLargestRing);
        return size && *size >= kSmallestRing && is_prime(static_cast<std::uint32_t>(*size))
                   ? std::optional(static_cast<std::uint32_t>(*size))
                   : std::nullopt;
    };
    mapping.parsed("ring_size",
                   fmt::format("a prime number from {} to {}, such as 1021, 16381 or 65537",
                               kSmallestRing, kLargestRing),
                   parse_size, service.ring_size);
    mapping.duration("slow_start", service.slow_start);
}

// What is known of the backends' state, and what it leads to.
void read_health(Problems &problems, Mapping &mapping, const std::string &what,
                 ServiceConfig &service) {
    if (const Value *value = mapping.find("health_check"))
        read_health_check(problems, *value, what, service.health_check.emplace());
    mapping.choice("on_down", {OnDown::keep, OnDown::reset, OnDown::reselect}, {}, service.on_down);
    mapping.duration("drain_timeout", service.drain_timeout);
    mapping.number("min_active", 0, kMostBackends, service.min_active);
}

void read_snat(Problems &problems, const Value &value, SnatConfig &snat) {
    Mapping mapping(problems, value, {"snat", {"addresses"}, {"ports"}, {}});
    snat.mark = mapping.mark();
    const auto parse = [](const std::string &text) -> std::optional<Address> {
        const auto address = Address::parse(text);
        return address && is_unicast(*address) ? address : std::nullopt;
    };
    mapping.items("addresses", "unicast IPv4 or IPv6 addresses", parse,
                  [&](const Address &address, const Mark &mark) {
                      snat.addresses.push_back({address, mark});
                  });
    const auto parse_ports = [](const std::string &text) -> std::optional<PortRange> {
        const auto ports = PortRange::parse(text);
        return ports && ports->first >= kLowestSnatPort ? ports : std::nullopt;
    };
    mapping.parsed(
        "ports",
        fmt::format("FIRST-LAST between {} and 65535, such as 20000-60999", kLowestSnatPort),
        parse_ports, snat.ports);
}

void read_limits(Problems &problems, const Value &value, Limits &limits) {
    Mapping mapping(problems, value,
                    {"limits", {}, {"flows", "new_flows", "services", "backends"}, {}});
    mapping.number("flows", 1, kMostFlows, limits.flows);
    mapping.number("new_flows", 1, kMostFlows, limits.new_flows);
    mapping.number("services", 1, kMostServices, limits.services);
    mapping.number("backends", 1, kMostBackends, limits.backends);
}

void read_timeouts(Problems &problems, const Value &value, Timeouts &timeouts) {
    Mapping mapping(problems, value,
                    {"timeouts", {}, {"tcp_established", "tcp_transitory", "tcp_new", "udp"}, {}});
    mapping.duration("tcp_established", timeouts.tcp_established, kShortestTimeout);
    mapping.duration("tcp_transitory", timeouts.tcp_transitory, kShortestTimeout);
    mapping.duration("tcp_new", timeouts.tcp_new, kShortestTimeout);
    mapping.duration("udp", timeouts.udp, kShortestTimeout);
}

}  // namespace

void read_service(Problems &problems, const Value &value, ServiceConfig &service) {
    const std::string what = describe("service", value);
    Mapping mapping(
        problems, value,
        {what,
         {"name", "vip", "port", "protocol", "backends"},
         {"mode", "scheduler", "ring_size", "slow_start", "session_affinity", "source_ranges",
          "announce", "limits", "health_check", "on_down", "drain_timeout", "min_active"},
         {}});
    service.mark = mapping.mark();
    mapping.parsed("name", fmt::format("1 to {} of A-Z a-z 0-9 _ . -", kLongestName),
                   text_if([](const auto &text) { return is_word(text, kLongestName, "_.-"); }),
                   service.name);
    read_unicast(mapping, "vip", service.vip.address);
    mapping.port("port", service.vip.port);
    mapping.choice("protocol", {Protocol::tcp, Protocol::udp}, {}, service.protocol);
    mapping.choice("mode", {Mode::dnat, Mode::fullnat}, {"dsr-l2", "ipip", "gue"}, service.mode);
    read_scheduling(mapping, service);
    mapping.choice("announce", {Announce::none, Announce::address}, {}, service.announce);
    read_policy(problems, mapping, what, service);
    read_health(problems, mapping, what, service);
    for (const Value &item : mapping.list("backends"))
        read_backend(problems, item, what, service.backends.emplace_back());
    if (mapping.find("backends") != nullptr && service.backends.empty())
        mapping.complain("backends", "must name at least one backend");
}

bool is_word(const std::string &text, std::size_t longest, std::string_view also) {
    const auto allowed = [also](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               also.find(c) != std::string_view::npos;
    };
    return !text.empty() && text.size() <= longest &&
           std::all_of(text.begin(), text.end(), allowed);
}

bool is_printable(const std::string &text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_path(const std::string &text) {
    return !text.empty() && text.front() == '/' && is_printable(text);
}

std::optional<Endpoint> parse_listen(const std::string &text) {
    const auto endpoint = Endpoint::parse(text);
    return endpoint && endpoint->port != 0 ? endpoint : std::nullopt;
}

void read_config(Problems &problems, const Value &root, Config &config) {
    Mapping mapping(problems, root,
                    {"",
                     {"services"},
                     {"interfaces", "snat", "limits", "timeouts", "metrics", "api", "replay",
                      "instance", "state_file", "watch", "log", "flow_log", "sockets"},
                     {}});
    for (const Value &item : mapping.list("interfaces"))
        read_interface(problems, item, config.interfaces.emplace_back());
    for (const Value &item : mapping.list("services"))
        read_service(problems, item, config.services.emplace_back());
    if (const Value *value = mapping.find("snat"))
        read_snat(problems, *value, config.snat);
    if (const Value *value = mapping.find("limits"))
        read_limits(problems, *value, config.limits);
    if (const Value *value = mapping.find("timeouts"))
        read_timeouts(problems, *value, config.timeouts);
    if (const Value *value = mapping.find("metrics"))
        read_metrics(problems, *value, config);
    if (const Value *value = mapping.find("api"))
        read_api(problems, *value, config);
    if (const Value *value = mapping.find("replay"))
        read_replay(problems, *value, config.replay);
    if (const Value *value = mapping.find("sockets"))
        read_sockets(problems, *value, config);
    if (const Value *value = mapping.find("flow_log"))
        read_flow_log(problems, *value, config);
    read_housekeeping(problems, mapping, config);
    config.marks.flow_log = mapping.value_mark("flow_log");
    config.marks.interfaces = mapping.value_mark("interfaces");
    config.marks.limits = mapping.value_mark("limits");
}

}  // namespace weir
