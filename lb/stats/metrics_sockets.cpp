// Metrics of the sockets of local programs.
#include <array>

#include "lb/stats/metric_families.h"

namespace weir {

using prometheus::MetricFamily;
using prometheus::MetricType;

namespace {

MetricFamily counter(const char *name, const char *help) {
    return family(name, help, MetricType::Counter);
}

void append_given(std::vector<MetricFamily> &all, const SocketSnapshot &seen) {
    auto connected = counter("weir_socket_connects_total",
                             "Sockets of local programs that connect() was given a backend, by "
                             "backend.");
    auto chosen = counter("weir_socket_choices_total",
                          "VIPs of unconnected UDP sockets that were given a backend, by backend.");
    auto failed = counter("weir_socket_connects_failed_total",
                          "TCP connections of local programs that were never established, by "
                          "backend.");
    auto live =
        family("weir_socket_connections",
               "Sockets of local programs that are connected, by backend.", MetricType::Gauge);
    for (const auto &service : seen.services)
        for (const auto &backend : service.backends) {
            const auto name = backend.endpoint.to_string();
            const auto put = [&](MetricFamily &to, std::uint64_t value) {
                add(to, {{"service", service.name}, {"backend", name}}, value);
            };
            put(connected, backend.counters.connected);
            if (service.protocol == Protocol::udp)
                put(chosen, backend.counters.chosen);
            else
                put(failed, backend.counters.failed);
            put(live, backend.live);
        }
    for (auto *made : {&connected, &chosen, &failed, &live})
        if (!made->metric.empty())
            all.push_back(std::move(*made));
}

void append_refused(std::vector<MetricFamily> &all, const SocketSnapshot &seen) {
    auto refused = counter("weir_socket_refused_total",
                           "connect() and sendmsg() of local programs that were refused.");
    for (std::uint8_t reason = 0; reason < WEIR_DROP_REASONS; reason++)
        if (seen.refusals[reason] != 0)
            add(refused, {{"reason", std::string(drop_reason_name(reason))}},
                seen.refusals[reason]);
    auto by_service = counter("weir_socket_service_refused_total",
                              "connect() and sendmsg() that were refused, by service.");
    for (const auto &service : seen.services)
        add(by_service, {{"service", service.name}}, service.counters.refused);
    auto events = counter("weir_socket_events_total",
                          "bind_vip, bind_snat: bind() refused; denied: socket() refused; "
                          "untracked: no memory.");
    for (std::uint8_t event = 0; event < WEIR_SOCKET_EVENTS; event++)
        add(events, {{"event", std::string(socket_event_name(event))}}, seen.events[event]);
    auto ended =
        counter("weir_socket_ended_total",
                "Sockets of local programs that were ended because their backend is gone.");
    add(ended, {{"protocol", "tcp"}}, seen.ended_tcp);
    add(ended, {{"protocol", "udp"}}, seen.ended_udp);
    for (auto *made : {&refused, &by_service, &events, &ended})
        if (!made->metric.empty())
            all.push_back(std::move(*made));
}

void append_place(std::vector<MetricFamily> &all, const SocketSnapshot &seen) {
    auto state = family("weir_socket_cgroup_state",
                        "Always 1; the label tells whether the programs are on their cgroup: "
                        "attached, absent, refused.",
                        MetricType::Gauge);
    add(state, {{"cgroup", seen.cgroup}, {"state", std::string(to_string(seen.state))}}, 1.0);
    all.push_back(std::move(state));
}

void append_listeners(std::vector<MetricFamily> &all, const SocketSnapshot &seen) {
    auto up = family("weir_socket_listener_up",
                     "1 if a socket listens for the addresses and ports of the listener, or 0.",
                     MetricType::Gauge);
    for (const auto &[name, is] : seen.listening)
        add(up, {{"listener", name}}, is ? 1.0 : 0.0);
    if (!up.metric.empty())
        all.push_back(std::move(up));
}

void append_joined(std::vector<MetricFamily> &all, const SocketSnapshot &seen) {
    auto connections = counter("weir_socket_joined_total",
                               "Connections of two programs of this host that were joined.");
    auto bytes = counter("weir_socket_joined_bytes_total",
                         "What joined sockets sent: from socket to socket, or by TCP.");
    for (const auto &service : seen.services) {
        if (!service.joined || service.protocol != Protocol::tcp)
            continue;
        add(connections, {{"service", service.name}}, service.joined->connections);
        add(bytes, {{"service", service.name}, {"way", "socket"}}, service.joined->bytes);
        add(bytes, {{"service", service.name}, {"way", "tcp"}}, service.joined->tcp_bytes);
    }
    for (auto *made : {&connections, &bytes})
        if (!made->metric.empty())
            all.push_back(std::move(*made));
}

void append_users(std::vector<MetricFamily> &all, const SocketSnapshot &seen) {
    auto made_by = counter("weir_cgroup_sockets_total", "Sockets that were made, by cgroup.");
    auto uses = counter("weir_cgroup_service_uses_total",
                        "Sockets that were given a backend, by cgroup and service.");
    for (const auto &user : seen.users)
        if (user.service.empty())
            add(made_by, {{"cgroup", user.cgroup}}, user.times);
        else
            add(uses, {{"cgroup", user.cgroup}, {"service", user.service}}, user.times);
    for (auto *made : {&made_by, &uses})
        if (!made->metric.empty())
            all.push_back(std::move(*made));
}

void append_histograms(std::vector<MetricFamily> &all, const SocketSnapshot &seen) {
    auto connect = family("weir_socket_connect_seconds",
                          "From the SYN of a local program's connection to its establishment.",
                          MetricType::Histogram);
    auto rtt = family("weir_socket_rtt_seconds",
                      "Smoothed round trip of a local program's connection, as it ends.",
                      MetricType::Histogram);
    auto retransmits = family("weir_socket_retransmits",
                              "Segments that a local program's connection sent again, as it ends.",
                              MetricType::Histogram);
    constexpr std::array<double, WEIR_LATENCY_BUCKETS - 1> kNumbers WEIR_RETRANSMIT_BOUNDS;
    for (const auto &service : seen.services) {
        if (service.protocol != Protocol::tcp)
            continue;
        const auto &of = service.histograms;
        add_latency(connect, service.name, of.connect);
        add_latency(rtt, service.name, of.rtt);
        add_histogram(retransmits, service.name, of.retransmits.buckets, kNumbers,
                      static_cast<double>(of.retransmits.sum));
    }
    for (auto *made : {&connect, &rtt, &retransmits})
        if (!made->metric.empty())
            all.push_back(std::move(*made));
}

}  // namespace

void append_sockets(std::vector<MetricFamily> &all, const SocketSnapshot &seen) {
    append_place(all, seen);
    append_given(all, seen);
    append_refused(all, seen);
    append_listeners(all, seen);
    append_joined(all, seen);
    append_users(all, seen);
    append_histograms(all, seen);
}

}  // namespace weir
