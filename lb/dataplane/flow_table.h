// What the readers of the flow tables share: entries by the batch, and when one is too old.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "bpf/abi.h"
#include "lb/config/config.h"
#include "lb/dataplane/map_access.h"
#include "lb/net/address.h"
#include "lb/result.h"

namespace weir {

// Reads a map that others write meanwhile, many entries with one system call. Entries that come or
// go may or may not be seen.
class BatchReader {
  public:
    BatchReader(const NamedMap &map, std::size_t key_size, std::size_t value_size,
                std::uint32_t batch);

    // The next entries; false when all have been read.
    Result<bool> next();
    // Of a hash map: begins there instead, and where next() begins.
    void start_at(std::uint32_t bucket);
    std::uint32_t bucket() const;
    std::uint32_t size() const { return size_; }
    const std::byte *key_bytes(std::uint32_t index) const {
        return keys_.data() + index * keys_.size() / batch_;
    }
    const std::byte *value_bytes(std::uint32_t index) const {
        return values_.data() + index * values_.size() / batch_;
    }
    template <typename Key>
    Key key(std::uint32_t index) const {
        return at<Key>(keys_, index);
    }
    template <typename Value>
    Value value(std::uint32_t index) const {
        return at<Value>(values_, index);
    }

  private:
    template <typename T>
    static T at(const std::vector<std::byte> &from, std::uint32_t index) {
        T result;
        std::memcpy(&result, from.data() + index * sizeof(T), sizeof(T));
        return result;
    }

    NamedMap map_;
    std::uint32_t batch_;
    std::uint32_t size_ = 0;
    bool begun_ = false;
    bool ended_ = false;
    std::vector<std::byte> keys_, values_, position_;
};

// What the tables of flows and their accounts take, bytes, all of it from the start
// (htab_map_mem_usage() in the kernel's kernel/bpf/hashtab.c, but for some bytes per CPU).
std::uint64_t flow_tables_bytes(const Limits &limits);

// The data path's clock. A replay brings its own, in the map `replay`; -1: it is none.
std::chrono::nanoseconds data_path_now(int replay);

// The entries of a family's tables, and what is of one layout in both.
template <typename Tuple>
using EntryOf = std::conditional_t<std::is_same_v<Tuple, weir_tuple_v4>, weir_flow, weir_flow_v6>;
inline const weir_flow &head_of(const weir_flow &entry) {
    return entry;
}
inline const weir_flow &head_of(const weir_flow_v6 &entry) {
    return entry.flow;
}

// After translation.
Endpoint source_of(const weir_flow &entry);
Endpoint source_of(const weir_flow_v6 &entry);
Endpoint destination_of(const weir_flow &entry);
Endpoint destination_of(const weir_flow_v6 &entry);

inline bool is_reply(const weir_flow &flow) {
    return (flow.flags & WEIR_FLOW_REPLY) != 0;
}

// The tuple of the packets of a flow's other direction, in tables of the same family; as
// entry_answer() in bpf/entry.h has it.
weir_tuple_v4 answer_of(std::uint8_t protocol, const weir_flow &entry);
weir_tuple_v6 answer_of(std::uint8_t protocol, const weir_flow_v6 &entry);

// The ticks (bpf/abi.h) of a time of that clock, and from when one entry was refreshed to when the
// other was: they come round, so it is the shorter way.
inline std::uint32_t to_ticks(std::chrono::nanoseconds time) {
    return static_cast<std::uint32_t>(time.count() >> WEIR_TICK_SHIFT);
}
inline std::int32_t ticks_between(const weir_flow &first, const weir_flow &then) {
    return static_cast<std::int32_t>(then.refreshed - first.refreshed);
}

// Since the entry was last refreshed; right to about a second.
std::chrono::nanoseconds idle_time(const weir_flow &flow, std::chrono::nanoseconds now);

// As flow_expired() in bpf/flow.h has it.
bool is_expired(const weir_settings &settings, std::uint8_t protocol, const weir_flow &flow,
                std::chrono::nanoseconds now);

}  // namespace weir
