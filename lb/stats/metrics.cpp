#include "lb/stats/metrics.h"

#include <prometheus/text_serializer.h>

#include <string>
#include <utility>

#include "lb/stats/metric_families.h"

namespace weir {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily gauge(const char *name, const char *help, double value, const Labels &labels = {}) {
    auto made = family(name, help, MetricType::Gauge);
    add(made, labels, value);
    return made;
}

double unix_seconds(std::chrono::system_clock::time_point time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
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
    all.push_back(
        gauge("weir_tables_info",
              "Always 1; the label tells what the start did: new tables, adopted those of "
              "an earlier run, or taken_over what others held.",
              1, {{"start", info.tables}}));
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
    append_services(all, snapshot, views, checks);
    append_drops(all, snapshot);
    if (snapshot.sockets)
        append_sockets(all, *snapshot.sockets);
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
