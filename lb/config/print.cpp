#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
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
        result += fmt::format("{}{}", result.empty() ? "" : ", ", text(item));
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
            list(service.source_ranges, [](const auto &one) { return string(one.to_string()); }));
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

// Any bytes: a quoted scalar where they are ASCII, base64 where they are not.
std::string text_value(std::string_view text) {
    const bool ascii =
        std::all_of(text.begin(), text.end(), [](char c) { return c > '\0' && c <= '~'; });
    YAML::Emitter emitter;
    if (ascii)
        emitter << YAML::DoubleQuoted << std::string(text);
    else
        emitter << YAML::Binary(reinterpret_cast<const unsigned char *>(text.data()), text.size());
    return emitter.c_str();
}

void print_check_details(Out out, const HealthCheckConfig &check) {
    const auto text = [&](std::string_view key, const std::string &value) {
        if (!value.empty())
            fmt::format_to(out, ", {}: {}", key, text_value(value));
    };
    if (check.type == CheckType::http || check.type == CheckType::https)
        fmt::format_to(out, ", path: {}, status: {}-{}", text_value(check.path), check.status.first,
                       check.status.second);
    if (check.type == CheckType::https)
        fmt::format_to(out, ", verify: {}", check.verify);
    if (check.type == CheckType::dns)
        fmt::format_to(out, ", record: {}", check.query_v6 ? "AAAA" : "A");
    if (check.type == CheckType::exec)
        fmt::format_to(out, ", command: {}", list(check.command, text_value));
    text("host", check.host);
    text("body", check.body);
    text("ca_file", check.ca_file);
    text("sni", check.sni);
    text("send", check.send);
    text("expect", check.expect);
    text("query", check.query);
}

void print_health(Out out, const ServiceConfig &service) {
    if (const auto &check = service.health_check) {
        fmt::format_to(
            out, "    health_check: {{type: {}, interval: {}, timeout: {}, rise: {}, fall: {}",
            to_string(check->type), print_duration(check->interval), print_duration(check->timeout),
            check->rise, check->fall);
        print_check_details(out, *check);
        fmt::format_to(out, "}}\n");
    }
    fmt::format_to(out, "    on_down: {}\n", to_string(service.on_down));
    if (service.drain_timeout.count() != 0)
        fmt::format_to(out, "    drain_timeout: {}\n", print_duration(service.drain_timeout));
    if (service.min_active != 0)
        fmt::format_to(out, "    min_active: {}\n", service.min_active);
    if (service.ring_size != 0)
        fmt::format_to(out, "    ring_size: {}\n", service.ring_size);
    if (service.slow_start.count() != 0)
        fmt::format_to(out, "    slow_start: {}\n", print_duration(service.slow_start));
}

void print_backend(Out out, const BackendConfig &backend) {
    fmt::format_to(out, "      - {{address: \"{}\", port: {}, weight: {}",
                   backend.endpoint.address.to_string(), backend.endpoint.port, backend.weight);
    if (backend.fallback)
        fmt::format_to(out, ", fallback: true");
    std::string elsewhere;
    if (backend.check_address)
        elsewhere = fmt::format("address: \"{}\"", backend.check_address->to_string());
    if (backend.check_port)
        elsewhere += fmt::format("{}port: {}", elsewhere.empty() ? "" : ", ", *backend.check_port);
    if (!elsewhere.empty())
        fmt::format_to(out, ", health_check: {{{}}}", elsewhere);
    fmt::format_to(out, "}}\n");
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
        print_health(out, service);
        fmt::format_to(out, "    backends:\n");
        for (const BackendConfig &backend : service.backends)
            print_backend(out, backend);
    }
}

void print_api(Out out, const Config &config) {
    fmt::format_to(out, "api:\n  socket: {}\n", string(config.api_socket));
    if (!config.api_group.empty())
        fmt::format_to(out, "  group: {}\n", string(config.api_group));
    if (const auto &tcp = config.api_tcp)
        fmt::format_to(out,
                       "  listen: \"{}\"\n"
                       "  tls: {{certificate: {}, key: {}, client_ca: {}}}\n",
                       tcp->listen.to_string(), string(tcp->certificate.path),
                       string(tcp->key.path), string(tcp->client_ca.path));
}

void print_sockets(Out out, const Config &config) {
    if (!config.sockets)
        return;
    const SocketsConfig &sockets = *config.sockets;
    const auto texts = [](const auto &items) {
        return list(items, [](const auto &one) { return string(one.to_string()); });
    };
    fmt::format_to(out, "sockets:\n");
    if (!sockets.cgroup.empty())
        fmt::format_to(out, "  cgroup: {}\n", string(sockets.cgroup));
    fmt::format_to(out, "  bind: {{guard: {}, allow: {}}}\n  deny: {}\n  mark: {:#x}\n  join: {}\n",
                   sockets.guard, texts(sockets.allow), texts(sockets.deny), sockets.mark,
                   sockets.join);
    fmt::format_to(out, "  listeners:{}\n", sockets.listeners.empty() ? " []" : "");
    for (const ListenerConfig &one : sockets.listeners)
        fmt::format_to(out, "    - {{addresses: {}, ports: {}, protocol: {}, to: {}}}\n",
                       string(one.addresses.to_string()), one.ports.to_string(),
                       to_string(one.protocol), string(one.to.to_string()));
}

void print_rest(Out out, const Config &config) {
    fmt::format_to(out, "snat: {{addresses: {}, ports: {}}}\n",
                   list(config.snat.addresses,
                        [](const auto &one) { return string(one.address.to_string()); }),
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
    print_api(out, config);
    print_sockets(out, config);
    fmt::format_to(out, "state_file: {}\n", string(config.state_file));
    if (config.flow_log)
        fmt::format_to(out, "flow_log: {{file: {}, rate: {}}}\n", string(config.flow_log->file),
                       config.flow_log->rate);
    fmt::format_to(out, "log: {{level: {}}}\n", to_string(config.log_level));
    fmt::format_to(out, "watch: {}\n", config.watch);
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
