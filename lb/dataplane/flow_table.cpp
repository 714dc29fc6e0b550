#include "lb/dataplane/flow_table.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <ctime>

namespace weir {

namespace {

std::chrono::seconds timeout_of(const weir_settings &settings, std::uint8_t protocol,
                                std::uint8_t state) {
    if (protocol == static_cast<std::uint8_t>(Protocol::udp))
        return std::chrono::seconds(settings.udp_s);
    if (state == WEIR_FLOW_ESTABLISHED)
        return std::chrono::seconds(settings.tcp_established_s);
    const bool ending = state == WEIR_FLOW_CLOSING || state == WEIR_FLOW_CLOSED;
    return std::chrono::seconds(ending ? settings.tcp_transitory_s : settings.tcp_new_s);
}

// Of an LRU hash table: a bucket for each entry, rounded up to a power of two. Keys and values are
// whole words, so nothing pads them.
std::uint64_t hash_bytes(std::uint64_t entries, std::size_t key, std::size_t value) {
    constexpr std::uint64_t kBucket = 16;
    constexpr std::uint64_t kHead = 48;  // struct htab_elem
    return entries * (kHead + key + value) + std::bit_ceil(entries) * kBucket;
}

// Of both families; a flow is two entries.
std::uint64_t tables_bytes(std::uint64_t flows, std::size_t v4_value, std::size_t v6_value) {
    return hash_bytes(2 * flows, sizeof(weir_tuple_v4), v4_value) +
           hash_bytes(2 * flows, sizeof(weir_tuple_v6), v6_value);
}

}  // namespace

std::uint64_t flow_tables_bytes(const Limits &limits) {
    std::uint64_t bytes = 0;
    for (const std::uint32_t flows : {limits.flows, limits.new_flows})
        bytes += tables_bytes(flows, sizeof(weir_flow), sizeof(weir_flow_v6));
    if (limits.accounts)
        bytes += tables_bytes(std::uint64_t{limits.flows} + limits.new_flows, sizeof(weir_account),
                              sizeof(weir_account));
    return bytes;
}

// A hash map's position is the number of a bucket, that of other maps a key.
BatchReader::BatchReader(const NamedMap &map, std::size_t key_size, std::size_t value_size,
                         std::uint32_t batch)
    : map_(map),
      batch_(batch),
      keys_(key_size * batch),
      values_(value_size * batch),
      position_(std::max(key_size, sizeof(std::uint32_t))) {}

void BatchReader::start_at(std::uint32_t bucket) {
    std::memcpy(position_.data(), &bucket, sizeof bucket);
    begun_ = true;
}

std::uint32_t BatchReader::bucket() const {
    std::uint32_t bucket = 0;
    std::memcpy(&bucket, position_.data(), sizeof bucket);
    return bucket;
}

Result<bool> BatchReader::next() {
    size_ = 0;
    if (ended_)
        return false;
    std::uint32_t count = batch_;
    const int done =
        bpf_map_lookup_batch(map_.fd, begun_ ? position_.data() : nullptr, position_.data(),
                             keys_.data(), values_.data(), &count, nullptr);
    if (done != 0 && errno != ENOENT)
        return map_error(map_.name, "list its entries", errno);
    begun_ = true;
    ended_ = done != 0;
    size_ = count;
    return count > 0 || !ended_;
}

std::chrono::nanoseconds data_path_now(int replay) {
    const std::uint32_t only = 0;
    weir_replay told{};
    if (replay >= 0 && bpf_map_lookup_elem(replay, &only, &told) == 0 && told.now != 0)
        return std::chrono::nanoseconds(static_cast<std::int64_t>(told.now));
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

Endpoint source_of(const weir_flow &entry) {
    return {from_abi(entry.v4.saddr), ntohs(entry.sport)};
}
Endpoint source_of(const weir_flow_v6 &entry) {
    return {from_abi(entry.saddr), ntohs(entry.flow.sport)};
}
Endpoint destination_of(const weir_flow &entry) {
    return {from_abi(entry.v4.daddr), ntohs(entry.dport)};
}
Endpoint destination_of(const weir_flow_v6 &entry) {
    return {from_abi(entry.daddr), ntohs(entry.flow.dport)};
}

weir_tuple_v4 answer_of(std::uint8_t protocol, const weir_flow &entry) {
    return {{entry.dport, entry.sport, protocol, 0, {}}, entry.v4.daddr, entry.v4.saddr};
}
weir_tuple_v6 answer_of(std::uint8_t protocol, const weir_flow_v6 &entry) {
    const weir_flow &flow = entry.flow;
    const auto mapped = static_cast<std::uint8_t>((flow.flags & WEIR_FLOW_TO_V4) != 0);
    return {{flow.dport, flow.sport, protocol, mapped, {}}, entry.daddr, entry.saddr};
}

// Ticks come round: what lies up to half a round ahead is a little ahead of this clock.
std::chrono::nanoseconds idle_time(const weir_flow &flow, std::chrono::nanoseconds now) {
    const auto idle = static_cast<std::int32_t>(to_ticks(now) - flow.refreshed);
    return std::chrono::nanoseconds(std::int64_t{std::max(idle, 0)} << WEIR_TICK_SHIFT);
}

bool is_expired(const weir_settings &settings, std::uint8_t protocol, const weir_flow &flow,
                std::chrono::nanoseconds now) {
    const auto limit =
        static_cast<std::int32_t>(to_ticks(timeout_of(settings, protocol, flow.state)));
    return static_cast<std::int32_t>(to_ticks(now) - flow.refreshed) >=
           std::max<std::int32_t>(limit, WEIR_REFRESH_TICKS);
}

}  // namespace weir
