// Metrics of services and backends.
#include <array>

#include "lb/stats/metric_families.h"

namespace weir {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(const char *name, const char *help, MetricType type) {
    return {name, help, type, {}};
}

void add(MetricFamily &to, const Labels &labels, double value) {
    ClientMetric metric;
    for (const auto &[name, text] : labels)
        metric.label.push_back({name, text});
    if (to.type == MetricType::Counter)
        metric.counter.value = value;
    else
        metric.gauge.value = value;
    to.metric.push_back(std::move(metric));
}

void add(MetricFamily &to, const Labels &labels, std::uint64_t value) {
    add(to, labels, static_cast<double>(value));
}

namespace {

void append_counters(std::vector<MetricFamily> &all, const Snapshot &snapshot) {
    auto packets = family("weir_service_packets_total",
                          "Packets translated, by service; forward is client to backend.",
                          MetricType::Counter);
    auto bytes =
        family("weir_service_bytes_total",
               "Bytes of whole frames without FCS translated, by service.", MetricType::Counter);
    auto flows =
        family("weir_service_new_flows_total", "Flows opened, by service.", MetricType::Counter);
    for (const auto &service : snapshot.services) {
        const auto &seen = service.counters;
        add(packets, {{"service", service.name}, {"direction", "forward"}}, seen.forward_packets);
        add(packets, {{"service", service.name}, {"direction", "reply"}}, seen.reply_packets);
        add(bytes, {{"service", service.name}, {"direction", "forward"}}, seen.forward_bytes);
        add(bytes, {{"service", service.name}, {"direction", "reply"}}, seen.reply_bytes);
        add(flows, {{"service", service.name}}, seen.new_flows);
    }
    for (auto *made : {&packets, &bytes, &flows})
        all.push_back(std::move(*made));
}

void append_backends(std::vector<MetricFamily> &all, const Snapshot &snapshot) {
    auto packets = family("weir_backend_packets_total",
                          "Packets translated, by backend; forward is client to backend.",
                          MetricType::Counter);
    auto bytes =
        family("weir_backend_bytes_total",
               "Bytes of whole frames without FCS translated, by backend.", MetricType::Counter);
    auto flows =
        family("weir_backend_new_flows_total", "Flows opened, by backend.", MetricType::Counter);
    auto live = family("weir_flows", "Flows that live, by backend; counted every few seconds.",
                       MetricType::Gauge);
    auto weight =
        family("weir_backend_weight", "Weight of the backend; 0 means that it gets no new flows.",
               MetricType::Gauge);
    for (const auto &service : snapshot.services) {
        for (const auto &backend : service.backends) {
            const auto name = backend.endpoint.to_string();
            const auto &seen = backend.counters;
            const auto directed = [&](MetricFamily &to, const char *direction,
                                      std::uint64_t value) {
                add(to, {{"service", service.name}, {"backend", name}, {"direction", direction}},
                    value);
            };
            directed(packets, "forward", seen.forward_packets);
            directed(packets, "reply", seen.reply_packets);
            directed(bytes, "forward", seen.forward_bytes);
            directed(bytes, "reply", seen.reply_bytes);
            add(flows, {{"service", service.name}, {"backend", name}}, seen.new_flows);
            add(live, {{"service", service.name}, {"backend", name}}, double{0} + backend.flows);
            add(weight, {{"service", service.name}, {"backend", name}}, double{0} + backend.weight);
        }
    }
    for (auto *made : {&packets, &bytes, &flows, &live, &weight})
        all.push_back(std::move(*made));
}

// One series for each backend, whose label is the state that it is in.
void append_states(std::vector<MetricFamily> &all, const Snapshot &snapshot,
                   const BackendViews &views) {
    auto state = family("weir_backend_state",
                        "Always 1; the label tells the state: active, draining, down, maintenance.",
                        MetricType::Gauge);
    auto up = family("weir_backend_up",
                     "Health of the backend by its checks, 1 or 0; absent where none has ended.",
                     MetricType::Gauge);
    for (const auto &service : snapshot.services) {
        for (const auto &backend : service.backends) {
            const auto view = views({service.name, backend.endpoint});
            if (!view)
                continue;
            const auto name = backend.endpoint.to_string();
            add(state,
                {{"service", service.name},
                 {"backend", name},
                 {"state", std::string(to_string(view->condition.state))}},
                1.0);
            if (view->health == Health::up || view->health == Health::down)
                add(up, {{"service", service.name}, {"backend", name}},
                    view->health == Health::up ? 1.0 : 0.0);
        }
    }
    for (auto *made : {&state, &up})
        if (!made->metric.empty())
            all.push_back(std::move(*made));
}

void append_latencies(std::vector<MetricFamily> &all, const Snapshot &snapshot) {
    auto answer = family("weir_flow_first_answer_seconds",
                         "From the packet that opens a flow to the backend's first answer.",
                         MetricType::Histogram);
    auto handshake = family("weir_tcp_handshake_seconds",
                            "From a client's SYN to the ACK that completes the handshake.",
                            MetricType::Histogram);
    for (const auto &service : snapshot.services) {
        add_latency(answer, service.name, service.latencies.answer);
        if (service.protocol == Protocol::tcp)
            add_latency(handshake, service.name, service.latencies.handshake);
    }
    for (auto *made : {&answer, &handshake})
        if (!made->metric.empty())
            all.push_back(std::move(*made));
}

void append_checks(std::vector<MetricFamily> &all, const AllCheckTimes &checks) {
    auto duration = family("weir_health_check_duration_seconds",
                           "How long health checks took that passed or failed, by service.",
                           MetricType::Histogram);
    auto total = family("weir_health_checks_total",
                        "Health checks that ended, by service; not_made: the checker itself could "
                        "not ask.",
                        MetricType::Counter);
    for (const auto &[service, times] : checks) {
        add_histogram(duration, service, times.buckets, CheckTimes::kBounds, times.sum);
        add(total, {{"service", service}, {"result", "passed"}}, times.passed);
        add(total, {{"service", service}, {"result", "failed"}}, times.failed);
        add(total, {{"service", service}, {"result", "not_made"}}, times.not_made);
    }
    for (auto *made : {&duration, &total})
        if (!made->metric.empty())
            all.push_back(std::move(*made));
}

}  // namespace

void add_latency(MetricFamily &to, const std::string &service, const weir_latency &seen) {
    constexpr double kSecond = 1e9;  // ns
    std::array<double, WEIR_LATENCY_BUCKETS - 1> bounds WEIR_LATENCY_BOUNDS;
    for (double &bound : bounds)
        bound /= kSecond;
    add_histogram(to, service, seen.buckets, bounds, static_cast<double>(seen.sum) / kSecond);
}

void append_services(std::vector<MetricFamily> &all, const Snapshot &snapshot,
                     const BackendViews &views, const AllCheckTimes &checks) {
    append_counters(all, snapshot);
    append_backends(all, snapshot);
    append_latencies(all, snapshot);
    append_states(all, snapshot, views);
    append_checks(all, checks);
}

}  // namespace weir
