// What the readers of the flow tables share: entries by the batch, and when one is too old.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bpf/abi.h"
#include "lb/dataplane/map_access.h"
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

// The data path's clock. A replay brings its own, in the map `replay`; -1: it is none.
std::chrono::nanoseconds data_path_now(int replay);

// Since the entry was last refreshed; right to about a second.
std::chrono::nanoseconds idle_time(const weir_flow &flow, std::chrono::nanoseconds now);

// The tuple of the packets of a flow's other direction; as nat_answer_tuple() in bpf/nat.h has it.
weir_tuple_v6 answer_of(std::uint8_t protocol, const weir_flow &flow);
// Which of the families' tables has it, and the key that it has in IPv4's.
bool leads_to_v4(const weir_flow &flow);
weir_tuple_v4 to_v4(const weir_tuple_v6 &tuple);

// As flow_expired() in bpf/flow.h has it.
bool is_expired(const weir_settings &settings, std::uint8_t protocol, const weir_flow &flow,
                std::chrono::nanoseconds now);

}  // namespace weir
