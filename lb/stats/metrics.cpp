#include "lb/stats/metrics.h"

#include <prometheus/text_serializer.h>

#include <array>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>

namespace weir {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::initializer_list<std::pair<const char *, std::string>>;

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

MetricFamily gauge(const char *name, const char *help, double value, const Labels &labels = {}) {
    auto made = family(name, help, MetricType::Gauge);
    add(made, labels, value);
    return made;
}

double unix_seconds(std::chrono::system_clock::time_point time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

void append_services(std::vector<MetricFamily> &all, const Snapshot &snapshot) {
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

// `buckets` has one more than `bounds` (seconds): those that took longer.
template <typename Buckets, typename Bounds>
void add_histogram(MetricFamily &to, const std::string &service, const Buckets &buckets,
                   const Bounds &bounds, double sum) {
    ClientMetric metric;
    metric.label.push_back({"service", service});
    auto bucket = std::begin(buckets);
    for (const double bound : bounds) {
        metric.histogram.sample_count += *bucket++;
        metric.histogram.bucket.push_back({metric.histogram.sample_count, bound});
    }
    metric.histogram.sample_count += *bucket;
    metric.histogram.bucket.push_back(
        {metric.histogram.sample_count, std::numeric_limits<double>::infinity()});
    metric.histogram.sample_sum = sum;
    to.metric.push_back(std::move(metric));
}

void add_latency(MetricFamily &to, const std::string &service, const weir_latency &seen) {
    constexpr double kSecond = 1e9;  // ns
    std::array<double, WEIR_LATENCY_BUCKETS - 1> bounds WEIR_LATENCY_BOUNDS;
    for (double &bound : bounds)
        bound /= kSecond;
    add_histogram(to, service, seen.buckets, bounds, static_cast<double>(seen.sum) / kSecond);
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

void append_drops(std::vector<MetricFamily> &all, const Snapshot &snapshot) {
    auto drops = family("weir_drops_total", "Packets dropped, each under exactly one reason.",
                        MetricType::Counter);
    for (std::uint8_t reason = 0; reason < WEIR_DROP_REASONS; reason++)
        add(drops, {{"reason", std::string(drop_reason_name(reason))}}, snapshot.drops[reason]);
    all.push_back(std::move(drops));
    auto icmp =
        family("weir_icmp_total", "ICMP: errors translated, echo requests answered, errors sent.",
               MetricType::Counter);
    for (std::uint8_t event = 0; event < WEIR_ICMP_EVENTS; event++)
        add(icmp, {{"event", std::string(icmp_event_name(event))}}, snapshot.icmp[event]);
    all.push_back(std::move(icmp));
    auto lost =
        family("weir_events_lost_total",
               "Events of the data path (weir monitor) that nobody got: sampled, beyond the "
               "rate; full, not fetched in time.",
               MetricType::Counter);
    add(lost, {{"reason", "sampled"}}, snapshot.events.sampled);
    add(lost, {{"reason", "full"}}, snapshot.events.full);
    all.push_back(std::move(lost));
}

void append_flow_log(std::vector<MetricFamily> &all, const Snapshot &snapshot) {
    if (!snapshot.flow_log)
        return;
    auto lines = family("weir_flow_log_lines_total",
                        "Lines of the flow log: written, suppressed (beyond its rate), failed.",
                        MetricType::Counter);
    add(lines, {{"result", "written"}}, snapshot.flow_log->written);
    add(lines, {{"result", "suppressed"}}, snapshot.flow_log->suppressed);
    add(lines, {{"result", "failed"}}, snapshot.flow_log->failed);
    all.push_back(std::move(lines));
}

// Nothing unless the kernel counts them.
void append_programs(std::vector<MetricFamily> &all, const Snapshot &snapshot) {
    auto runs =
        family("weir_program_runs_total",
               "Runs of a BPF program; only with kernel.bpf_stats_enabled.", MetricType::Counter);
    auto time =
        family("weir_program_run_seconds_total",
               "Time in a BPF program; only with kernel.bpf_stats_enabled.", MetricType::Counter);
    for (const auto &[hook, seen] : snapshot.programs) {
        if (seen.runs == 0)
            continue;
        add(runs, {{"program", std::string(to_string(hook))}}, seen.runs);
        add(time, {{"program", std::string(to_string(hook))}},
            std::chrono::duration<double>(seen.time).count());
    }
    for (auto *made : {&runs, &time})
        if (!made->metric.empty())
            all.push_back(std::move(*made));
}

void append_reloads(std::vector<MetricFamily> &all, const DaemonInfo &info) {
    auto reloads = family("weir_config_reloads_total", "Reloads since the daemon started.",
                          MetricType::Counter);
    add(reloads, {{"result", "done"}}, info.reload.done);
    add(reloads, {{"result", "refused"}}, info.reload.refused);
    all.push_back(std::move(reloads));
    all.push_back(gauge("weir_config_last_reload_successful",
                        "1 if the last configuration that was loaded is in force, 0 if refused.",
                        info.reload.successful ? 1 : 0));
    all.push_back(gauge("weir_config_last_reload_success_timestamp_seconds",
                        "When a configuration was last put in force, unix time.",
                        unix_seconds(info.reload.last_success)));
    all.push_back(gauge("weir_tables_adopted",
                        "1 if the daemon went on with the tables of an earlier run.",
                        info.adopted ? 1 : 0));
}

void append_interfaces(std::vector<MetricFamily> &all, const DaemonInfo &info) {
    auto state = family("weir_interface_state",
                        "Always 1; the labels tell the hook and whether it is attached, absent or "
                        "refused.",
                        MetricType::Gauge);
    for (const AttachedInterface &one : info.interfaces)
        add(state,
            {{"interface", one.name},
             {"hook", std::string(to_string(one.hook))},
             {"state", std::string(to_string(one.state))}},
            1.0);
    if (!state.metric.empty())
        all.push_back(std::move(state));
}

// Nothing before the tables were first counted.
void append_tables(std::vector<MetricFamily> &all, const Snapshot &snapshot) {
    auto entries = family("weir_flow_table_entries", "Entries of a flow table, two for each flow.",
                          MetricType::Gauge);
    auto capacity =
        family("weir_flow_table_capacity", "Entries that a flow table holds.", MetricType::Gauge);
    auto pressure =
        family("weir_map_pressure", "Entries of a table over its capacity.", MetricType::Gauge);
    for (const TableUse &use : snapshot.tables) {
        const std::string name(use.table);
        if (use.of_flows) {
            add(entries, {{"table", name}}, use.entries);
            add(capacity, {{"table", name}}, use.capacity);
        }
        add(pressure, {{"map", name}},
            static_cast<double>(use.entries) / static_cast<double>(use.capacity));
    }
    for (auto *made : {&entries, &capacity, &pressure})
        if (!made->metric.empty())
            all.push_back(std::move(*made));
}

}  // namespace

std::vector<MetricFamily> to_metrics(const Snapshot &snapshot, const DaemonInfo &info,
                                     const BackendViews &views, const AllCheckTimes &checks) {
    std::vector<MetricFamily> all;
    all.push_back(gauge("weir_build_info", "Always 1; the label tells the version.", 1,
                        {{"version", info.version}}));
    all.push_back(gauge("process_start_time_seconds",
                        "Start time of the process since unix epoch in seconds.",
                        unix_seconds(info.started)));
    append_services(all, snapshot);
    append_backends(all, snapshot);
    append_latencies(all, snapshot);
    append_states(all, snapshot, views);
    append_checks(all, checks);
    append_drops(all, snapshot);
    append_flow_log(all, snapshot);
    append_tables(all, snapshot);
    append_programs(all, snapshot);
    append_interfaces(all, info);
    append_reloads(all, info);
    return all;
}

std::string Exporter::text() const {
    return prometheus::TextSerializer().Serialize(Collect());
}

}  // namespace weir
