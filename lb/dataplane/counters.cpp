// Tables: the per-CPU counters.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "lb/dataplane/map_access.h"
#include "lb/dataplane/map_reads.h"
#include "lb/dataplane/tables.h"

namespace weir {

namespace {

constexpr std::array<std::string_view, WEIR_DROP_REASONS> kDropReasons{
    "no_backend",      "tuple_in_use",  "flow_table_full", "unreachable",      "rewrite_failed",
    "snat_exhausted",  "source_denied", "service_rate",    "source_rate",      "backend_full",
    "fragment_orphan", "ttl_expired",   "too_big",         "not_translatable", "backend_down"};
static_assert(!kDropReasons.back().empty());

constexpr std::array<std::string_view, WEIR_ICMP_EVENTS> kIcmpEvents{"translated", "answered",
                                                                     "sent"};

void add(Counters &sum, const weir_stats &one) {
    sum.forward_packets += one.forward_packets;
    sum.forward_bytes += one.forward_bytes;
    sum.reply_packets += one.reply_packets;
    sum.reply_bytes += one.reply_bytes;
    sum.new_flows += one.new_flows;
}

Result<Counters> read_counters(int fd, std::string_view name, std::uint32_t id) {
    const auto values = read_per_cpu<weir_stats>(fd, name, id);
    if (!values)
        return tl::make_unexpected(values.error());
    Counters sum;
    for (const weir_stats &one : *values)
        add(sum, one);
    return sum;
}

Result<std::vector<Counters>> read_all_counters(int fd, std::string_view name,
                                                std::uint32_t count) {
    const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
    std::vector<Counters> sums;
    sums.reserve(count);
    return for_entries<weir_stats>({fd, name}, count, cpus,
                                   [&](const weir_stats *of_cpus) {
                                       Counters &sum = sums.emplace_back();
                                       for (std::size_t cpu = 0; cpu < cpus; ++cpu)
                                           add(sum, of_cpus[cpu]);
                                   })
        .map([&] { return std::move(sums); });
}

Result<void> clear_entry(int fd, std::string_view name, std::uint32_t id) {
    const std::vector<weir_stats> zeros(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    if (bpf_map_update_elem(fd, &id, zeros.data(), BPF_ANY) != 0)
        return fail(Exit::refused, fmt::format("map {}: cannot clear entry {}: {}", name, id,
                                               std::strerror(errno)));
    return {};
}

}  // namespace

std::string_view drop_reason_name(std::uint8_t reason) {
    return reason < kDropReasons.size() ? kDropReasons[reason] : std::string_view("none");
}

std::string_view icmp_event_name(std::uint8_t event) {
    return event < kIcmpEvents.size() ? kIcmpEvents[event] : std::string_view("none");
}

Result<Counters> Tables::service_counters(std::uint32_t id) const {
    return read_counters(fds_.service_stats, "service_stats", id);
}

Result<Counters> Tables::backend_counters(std::uint32_t id) const {
    return read_counters(fds_.backend_stats, "backend_stats", id);
}

Result<std::vector<Counters>> Tables::all_service_counters(std::uint32_t count) const {
    return read_all_counters(fds_.service_stats, "service_stats", count);
}

Result<std::vector<Counters>> Tables::all_backend_counters(std::uint32_t count) const {
    return read_all_counters(fds_.backend_stats, "backend_stats", count);
}

Result<std::vector<FlowLatencies>> Tables::all_latencies(std::uint32_t count) const {
    std::vector<FlowLatencies> all;
    all.reserve(count);
    return for_entries<weir_latency>({fds_.service_latencies, "service_latencies"},
                                     count * WEIR_LATENCIES, 1,
                                     [&, index = 0U](const weir_latency *one) mutable {
                                         if (index % WEIR_LATENCIES == WEIR_LATENCY_ANSWER)
                                             all.emplace_back().answer = *one;
                                         else
                                             all.back().handshake = *one;
                                         ++index;
                                     })
        .map([&] { return std::move(all); });
}

Result<EventStats> Tables::event_stats() const {
    return read_per_cpu<weir_event_stats>(fds_.event_stats, "event_stats", 0)
        .map([](const std::vector<weir_event_stats> &of_cpus) {
            EventStats sum;
            for (const weir_event_stats &one : of_cpus) {
                sum.sampled += one.sampled;
                sum.full += one.full;
            }
            return sum;
        });
}

Result<void> Tables::watch(const weir_watch &wanted) const {
    return put(NamedMap{fds_.watch, "watch"}, std::uint32_t{0}, wanted, "write it");
}

Result<DropCounters> Tables::drop_counters() const {
    return read_sums<WEIR_DROP_REASONS>(fds_.drop_stats, "drop_stats");
}

Result<IcmpCounters> Tables::icmp_counters() const {
    return read_sums<WEIR_ICMP_EVENTS>(fds_.icmp_stats, "icmp_stats");
}

Result<void> Tables::clear_latencies(std::uint32_t service) {
    const weir_latency none{};
    const NamedMap map{fds_.service_latencies, "service_latencies"};
    const auto clear = [&](std::uint32_t kind) {
        return put(map, service * WEIR_LATENCIES + kind, none, "clear an entry");
    };
    return clear(WEIR_LATENCY_ANSWER).and_then([&] { return clear(WEIR_LATENCY_HANDSHAKE); });
}

Result<void> Tables::clear_counters(const Plan &plan) {
    const weir_rate never{};
    const std::uint32_t none = 0;
    return for_all(plan.fresh_services,
                   [&](std::uint32_t id) {
                       return clear_entry(fds_.service_stats, "service_stats", id)
                           .and_then([&] { return clear_latencies(id); })
                           .and_then([&] {
                               return put(NamedMap{fds_.service_rates, "service_rates"}, id, never,
                                          "clear an entry");
                           });
                   })
        .and_then([&] {
            return for_all(plan.fresh_backends, [&](std::uint32_t id) {
                return clear_entry(fds_.backend_stats, "backend_stats", id).and_then([&] {
                    return put(NamedMap{fds_.backend_flows, "backend_flows"}, id, none,
                               "clear an entry");
                });
            });
        });
}

}  // namespace weir
