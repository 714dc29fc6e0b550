// Real clients and servers through Weir in each of its ways, beside no load balancer at all,
// nftables DNAT and two proxies: how much they get done, how long a request takes, and what it
// costs in CPU time. Two tables: clients on another host, and programs on Weir's own.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/benchmarks/cpu_time.h"
#include "tests/benchmarks/report.h"
#include "tests/benchmarks/request_sites.h"
#include "tests/benchmarks/workloads.h"

namespace weir::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 9;

struct Workload {
    std::string name;
    std::string unit;  // of what is done
    WorkDone (*run)(const Target &);
    bool datagrams;
};
const Workload kWrkNew{"wrk-new", "requests", wrk_new, false};
const Workload kWrkKeepalive{"wrk-keepalive", "requests", wrk_keepalive, false};
const Workload kIperf{"iperf3", "Gbit", iperf3, false};
const Workload kDnsperf{"dnsperf", "queries", dnsperf, true};

struct WayName {
    Way way;
    const char *name;
    const char *in_full;
};
const std::vector<WayName> kNames{
    {Way::link, "link", "one link, nothing between"},
    {Way::direct, "direct", "kernel routing"},
    {Way::weir_xdp, "weir-xdp", "Weir, hook: xdp"},
    {Way::weir_tc, "weir-tc", "Weir, hook: tc"},
    {Way::nftables, "nftables", "nftables DNAT"},
    {Way::haproxy, "haproxy", "HAProxy, TCP mode"},
    {Way::nginx, "nginx", "nginx stream"},
    {Way::local_direct, "direct", "no load balancer"},
    {Way::local_sockets, "socket-path", "Weir, sockets"},
    {Way::local_packets, "packet-path", "Weir, TC egress"},
    {Way::local_haproxy, "haproxy", "HAProxy, TCP mode"},
};
const WayName &name_of(Way way) {
    for (const auto &one : kNames)
        if (one.way == way)
            return one;
    throw std::logic_error("a way without a name");
}

// Of all rounds of one workload through one way.
struct Series {
    std::vector<double> rates;
    std::vector<double> per_cpu_second;  // done
    std::vector<double> p50, p99, mean, longest;
};

// Ways side by side, a workload after the other.
class Comparison {
  public:
    explicit Comparison(const std::vector<Way> &ways) {
        for (const Way way : ways)
            sites_[way] = std::make_unique<RequestSite>(way);
        constexpr std::chrono::seconds kIdle{1};
        const double before = cpu_seconds();
        std::this_thread::sleep_for(kIdle);
        idle_ = std::max(0.0, cpu_seconds() - before);
    }
    // CPU seconds in a second while nothing is done.
    double idle() const { return idle_; }

    using Results = std::map<Way, Series>;
    // Another way is the first in each round, so that none always follows the same one.
    Results run(const Workload &workload) const {
        Results results;
        std::vector<Way> order;
        for (const auto &[way, site] : sites_)
            if (!workload.datagrams || way != Way::haproxy)
                order.push_back(way);
        for (int round = 0; round < kRounds; round++) {
            for (const Way way : order)
                measure(workload, *sites_.at(way), results[way]);
            std::rotate(order.begin(), order.begin() + 1, order.end());
        }
        return results;
    }

  private:
    void measure(const Workload &workload, const RequestSite &site, Series &series) const {
        const auto begin = Clock::now();
        const double before = cpu_seconds();
        const WorkDone outcome = workload.run(site.target());
        const double idle = idle_ * std::chrono::duration<double>(Clock::now() - begin).count();
        series.rates.push_back(outcome.rate);
        series.per_cpu_second.push_back(outcome.done / (cpu_seconds() - before - idle));
        series.p50.push_back(outcome.p50);
        series.p99.push_back(outcome.p99);
        series.mean.push_back(outcome.mean);
        series.longest.push_back(outcome.longest);
    }

    std::map<Way, std::unique_ptr<RequestSite>> sites_;
    double idle_ = 0;
};

std::string latencies(const Series &series) {
    if (median(series.p99) > 0)
        return fmt::format("p50 {:.2f} p99 {:.2f} ms", median(series.p50), median(series.p99));
    if (median(series.longest) > 0)
        return fmt::format("mean {:.2f} longest {:.2f} ms", median(series.mean),
                           median(series.longest));
    return "";
}

// One way beside another, in what they get done in a second.
void add_rate(Report &report, const std::string &name, const Workload &workload,
              const Comparison::Results &results, Way way, Way baseline,
              std::optional<Goal> goal = std::nullopt) {
    const Series &series = results.at(way);
    const Series &of_baseline = results.at(baseline);
    auto row = compare(name, workload.unit + "/s", name_of(baseline).in_full, of_baseline.rates,
                       series.rates, goal);
    const auto took = latencies(series);
    row.note = took.empty() ? fmt::format("{:.2f}/s", median(of_baseline.rates))
                            : fmt::format("{:.0f}/s; {}; {}", median(of_baseline.rates), took,
                                          latencies(of_baseline));
    report.add(row);
}

// The same for a second of CPU time, whoever took it: client, server, kernel and what is between.
void add_cpu(Report &report, const std::string &name, const Workload &workload,
             const Comparison::Results &results, Way way, Way baseline,
             std::optional<Goal> goal = std::nullopt) {
    const auto &done = results.at(way).per_cpu_second;
    const auto &of_baseline = results.at(baseline).per_cpu_second;
    auto row =
        compare(name, workload.unit + "/CPU s", name_of(baseline).in_full, of_baseline, done, goal);
    constexpr double kMillion = 1e6;
    if (workload.unit != kIperf.unit)
        row.note = fmt::format("CPU s for a million: {:.1f}; {:.1f}", kMillion / median(done),
                               kMillion / median(of_baseline));
    report.add(row);
}

// What the way itself costs: without what client and server cost that are on one link.
void add_own_cpu(Report &report, const std::string &name, const Workload &workload,
                 const Comparison::Results &results, Way way, Way baseline) {
    std::vector<double> own, of_baseline;
    const auto &link = results.at(Way::link).per_cpu_second;
    const auto cost = [&](Way of, std::size_t round) {
        return 1 / results.at(of).per_cpu_second[round] - 1 / link[round];
    };
    for (std::size_t round = 0; round < link.size(); round++) {
        own.push_back(1e6 * cost(way, round));
        of_baseline.push_back(1e6 * cost(baseline, round));
    }
    auto row = compare(name, "CPU s/1e6", name_of(baseline).in_full, of_baseline, own);
    row.note = fmt::format("{:.1f}; {}", median(of_baseline), workload.unit);
    report.add(row);
}

// What Weir takes of CPU time beside a proxy and nftables.
void add_costs(Report &report, const Workload &workload, const Comparison::Results &results) {
    const auto proxy = workload.datagrams ? Way::nginx : Way::haproxy;
    for (const Way way : {Way::weir_xdp, Way::weir_tc})
        for (const auto &[baseline, least] : {std::pair(proxy, 3), std::pair(Way::nftables, 1)}) {
            const auto name = [&, to = baseline](const char *what) {
                return fmt::format("{}/{}/{}/{}", workload.name, name_of(way).name, what,
                                   name_of(to).name);
            };
            add_cpu(report, name("cpu"), workload, results, way, baseline,
                    workload.name == kWrkNew.name ? std::optional(at_least(least)) : std::nullopt);
            if (workload.unit != kIperf.unit)
                add_own_cpu(report, name("own-cpu"), workload, results, way, baseline);
        }
}

// Those of which a row is wanted: the others are not run.
std::vector<Workload> wanted(const Report &report, const std::string &prefix,
                             std::vector<Workload> all) {
    std::erase_if(all,
                  [&](const auto &one) { return !report.wants_some(prefix + one.name + "/"); });
    return all;
}

void compare_remote(Report &report) {
    const auto workloads = wanted(report, "", {kWrkNew, kWrkKeepalive, kIperf, kDnsperf});
    if (workloads.empty())
        return;
    const Comparison comparison({Way::link, Way::direct, Way::weir_xdp, Way::weir_tc, Way::nftables,
                                 Way::haproxy, Way::nginx});
    report.begin(fmt::format("a client on another host; {} rounds; idle {:.3f} CPUs", kRounds,
                             comparison.idle()));
    for (const Workload &workload : workloads) {
        const auto results = comparison.run(workload);
        for (const auto &[way, series] : results) {
            if (way != Way::direct)
                add_rate(report, fmt::format("{}/{}", workload.name, name_of(way).name), workload,
                         results, way, Way::direct,
                         way == Way::weir_tc && workload.name == kIperf.name
                             ? std::optional(at_least(0.9))
                             : std::nullopt);
        }
        add_costs(report, workload, results);
    }
}

void compare_local(Report &report) {
    const auto workloads = wanted(report, "sockets/", {kWrkNew, kWrkKeepalive, kIperf});
    if (workloads.empty())
        return;
    const Comparison comparison(
        {Way::local_direct, Way::local_sockets, Way::local_packets, Way::local_haproxy});
    report.begin(fmt::format("a client on Weir's host; {} rounds; idle {:.3f} CPUs", kRounds,
                             comparison.idle()));
    for (const Workload &workload : workloads) {
        const auto results = comparison.run(workload);
        for (const auto &[way, series] : results) {
            if (way == Way::local_direct)
                continue;
            const auto name = "sockets/" + workload.name + "/" + name_of(way).name;
            const auto goal =
                way == Way::local_sockets ? std::optional(at_least(0.97)) : std::nullopt;
            add_rate(report, name, workload, results, way, Way::local_direct, goal);
            add_cpu(report, name + "/cpu", workload, results, way, Way::local_direct);
        }
    }
}

void work(Report &report) {
    if (const auto why = why_no_namespaces(); !why.empty())
        throw std::runtime_error(why);
    if (const auto why = why_no_cgroups(); !why.empty())
        throw std::runtime_error(why);
    enter_mount_sandbox();
    compare_remote(report);
    compare_local(report);
}

}  // namespace
}  // namespace weir::test

int main(int argc, char **argv) {
    return weir::test::run_benchmark(argc, argv, weir::test::work);
}
