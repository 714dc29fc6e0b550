// Tables: the per-CPU counters.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "lb/dataplane/tables.h"

namespace weir {

namespace {

constexpr std::array<std::string_view, WEIR_DROP_REASONS> kDropReasons{
    "no_backend", "tuple_in_use", "flow_table_full", "unreachable", "rewrite_failed"};

// All CPUs' values of one entry. The kernel pads each to eight bytes; those here are multiples of
// it.
template <typename Value>
Result<std::vector<Value>> read_per_cpu(int fd, std::string_view name, std::uint32_t index) {
    static_assert(sizeof(Value) % 8 == 0);
    std::vector<Value> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    if (bpf_map_lookup_elem(fd, &index, values.data()) != 0)
        return fail(Exit::refused, fmt::format("map {}: cannot read entry {}: {}", name, index,
                                               std::strerror(errno)));
    return values;
}

Result<Counters> read_counters(int fd, std::string_view name, std::uint32_t id) {
    const auto values = read_per_cpu<weir_stats>(fd, name, id);
    if (!values)
        return tl::make_unexpected(values.error());
    Counters sum;
    for (const weir_stats &one : *values) {
        sum.forward_packets += one.forward_packets;
        sum.forward_bytes += one.forward_bytes;
        sum.reply_packets += one.reply_packets;
        sum.reply_bytes += one.reply_bytes;
        sum.new_flows += one.new_flows;
    }
    return sum;
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

Result<Counters> Tables::service_counters(std::uint32_t id) const {
    return read_counters(fds_.service_stats, "service_stats", id);
}

Result<Counters> Tables::backend_counters(std::uint32_t id) const {
    return read_counters(fds_.backend_stats, "backend_stats", id);
}

Result<DropCounters> Tables::drop_counters() const {
    DropCounters sums{};
    for (std::uint32_t reason = 0; reason < WEIR_DROP_REASONS; ++reason) {
        const auto values = read_per_cpu<std::uint64_t>(fds_.drop_stats, "drop_stats", reason);
        if (!values)
            return tl::make_unexpected(values.error());
        for (const std::uint64_t one : *values)
            sums[reason] += one;
    }
    return sums;
}

Result<void> Tables::clear_counters(const Plan &plan) {
    for (const std::uint32_t id : plan.fresh_services)
        if (auto cleared = clear_entry(fds_.service_stats, "service_stats", id); !cleared)
            return cleared;
    for (const std::uint32_t id : plan.fresh_backends)
        if (auto cleared = clear_entry(fds_.backend_stats, "backend_stats", id); !cleared)
            return cleared;
    return {};
}

}  // namespace weir
