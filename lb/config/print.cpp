#include <fmt/format.h>

#include <iterator>

#include "lb/config/config.h"
#include "lb/config/duration.h"

namespace weir {

namespace {

using Out = std::back_insert_iterator<std::string>;

// Names are quoted always: "null", "---", "yes" or "1e3" mean something else when they are bare.
// The reader lets only printable ASCII through, so that two escapes are enough.
std::string string(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            result += '\\';
        result += c;
    }
    return result + '"';
}

void print_interfaces(Out out, const Config &config) {
    fmt::format_to(out, "interfaces:{}\n", config.interfaces.empty() ? " []" : "");
    for (const InterfaceConfig &interface : config.interfaces)
        fmt::format_to(out, "  - name: {}\n    hook: {}\n    xdp_mode: {}\n",
                       string(interface.name), to_string(interface.hook),
                       to_string(interface.xdp_mode));
}

template <typename Items, typename Text>
std::string list(const Items &items, Text text) {
    std::string result;
    for (const auto &item : items)
        result += fmt::format("{}\"{}\"", result.empty() ? "" : ", ", text(item));
    return "[" + result + "]";
}

// What a service has only where it was asked for.
void print_policy(Out out, const ServiceConfig &service) {
    if (service.session_affinity.count() != 0)
        fmt::format_to(out, "    session_affinity: {{timeout: {}}}\n",
                       print_duration(service.session_affinity));
    if (!service.source_ranges.empty())
        fmt::format_to(
            out, "    source_ranges: {}\n",
            list(service.source_ranges, [](const auto &one) { return one.to_string(); }));
    std::string limits;
    const auto add = [&](std::string_view key, std::uint32_t value) {
        if (value != 0)
            limits += fmt::format("{}{}: {}", limits.empty() ? "" : ", ", key, value);
    };
    add("new_flows_per_second", service.limits.new_flows_per_second);
    add("new_flows_per_second_per_source", service.limits.new_flows_per_second_per_source);
    add("flows_per_backend", service.limits.flows_per_backend);
    if (!limits.empty())
        fmt::format_to(out, "    limits: {{{}}}\n", limits);
}

void print_services(Out out, const Config &config) {
    fmt::format_to(out, "services:{}\n", config.services.empty() ? " []" : "");
    for (const ServiceConfig &service : config.services) {
        fmt::format_to(out,
                       "  - name: {}\n    vip: \"{}\"\n    port: {}\n    protocol: {}\n"
                       "    mode: {}\n    scheduler: {}\n    announce: {}\n",
                       string(service.name), service.vip.address.to_string(), service.vip.port,
                       to_string(service.protocol), to_string(service.mode),
                       to_string(service.scheduler), to_string(service.announce));
        print_policy(out, service);
        fmt::format_to(out, "    backends:\n");
        for (const BackendConfig &backend : service.backends)
            fmt::format_to(out, "      - {{address: \"{}\", port: {}, weight: {}}}\n",
                           backend.endpoint.address.to_string(), backend.endpoint.port,
                           backend.weight);
    }
}

void print_rest(Out out, const Config &config) {
    fmt::format_to(
        out, "snat: {{addresses: {}, ports: {}}}\n",
        list(config.snat.addresses, [](const auto &one) { return one.address.to_string(); }),
        config.snat.ports.to_string());
    const Limits &limits = config.limits;
    fmt::format_to(out, "limits: {{flows: {}, new_flows: {}, services: {}, backends: {}}}\n",
                   limits.flows, limits.new_flows, limits.services, limits.backends);
    const Timeouts &timeouts = config.timeouts;
    fmt::format_to(
        out, "timeouts: {{tcp_established: {}, tcp_transitory: {}, tcp_new: {}, udp: {}}}\n",
        print_duration(timeouts.tcp_established), print_duration(timeouts.tcp_transitory),
        print_duration(timeouts.tcp_new), print_duration(timeouts.udp));
    if (config.metrics)
        fmt::format_to(out, "metrics: {{listen: \"{}\"}}\n", config.metrics->to_string());
    fmt::format_to(out, "api: {{socket: {}}}\n", string(config.api_socket));
    fmt::format_to(out, "replay: {{mac: \"{}\"}}\n", config.replay.mac.to_string());
    fmt::format_to(out, "instance: {}\n", string(config.instance));
}

}  // namespace

std::string to_yaml(const Config &config) {
    std::string text;
    const Out out = std::back_inserter(text);
    print_interfaces(out, config);
    print_services(out, config);
    print_rest(out, config);
    return text;
}

}  // namespace weir
