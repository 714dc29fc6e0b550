#include "lb/stats/metrics.h"

#include <prometheus/text_serializer.h>

#include <initializer_list>
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

std::vector<MetricFamily> to_metrics(const Snapshot &snapshot, const DaemonInfo &info) {
    std::vector<MetricFamily> all;
    all.push_back(gauge("weir_build_info", "Always 1; the label tells the version.", 1,
                        {{"version", info.version}}));
    all.push_back(gauge("process_start_time_seconds",
                        "Start time of the process since unix epoch in seconds.",
                        unix_seconds(info.started)));
    append_services(all, snapshot);
    append_backends(all, snapshot);
    append_drops(all, snapshot);
    append_tables(all, snapshot);
    all.push_back(gauge("weir_config_last_reload_successful",
                        "1 if the last configuration that was loaded is in force, 0 if refused.",
                        info.reload.successful ? 1 : 0));
    all.push_back(gauge("weir_config_last_reload_success_timestamp_seconds",
                        "When a configuration was last put in force, unix time.",
                        unix_seconds(info.reload.last_success)));
    return all;
}

std::string Exporter::text() const {
    return prometheus::TextSerializer().Serialize(Collect());
}

}  // namespace weir
