// The collector: removes flows that are over, and counts those that are not. The data path neither
// needs nor waits for it: an entry that is too old counts as none there, and a full table makes
// room by itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lb/dataplane/tables.h"
#include "lb/result.h"

namespace weir {

// A flow has an entry for each direction.
struct TableUse {
    std::string_view table;
    bool of_flows = false;
    std::uint64_t entries = 0;
    std::uint64_t capacity = 0;
};

// What a walk has found.
struct Census {
    std::unordered_map<std::uint32_t, std::uint32_t> flows;  // that live, by the backend's id
    std::vector<TableUse> tables;
    std::uint64_t removed = 0;  // entries

    std::uint32_t flows_of(std::uint32_t backend) const {
        const auto found = flows.find(backend);
        return found == flows.end() ? 0 : found->second;
    }
};

class Collector {
  public:
    explicit Collector(const Tables &tables);
    ~Collector();
    Collector(Collector &&) noexcept;
    Collector &operator=(Collector &&) noexcept;
    Collector(const Collector &) = delete;
    Collector &operator=(const Collector &) = delete;

    // Goes on with a walk over the tables, or begins one, for about `budget`: a batch more at most.
    // True when the walk is complete; after an error the next call begins a new one.
    Result<bool> step(std::chrono::nanoseconds budget);
    // Of the last complete walk.
    const Census &census() const { return census_; }

  private:
    class Walk;
    Result<bool> advance(std::chrono::nanoseconds budget);

    Tables tables_;
    std::unique_ptr<Walk> walk_;
    Census census_;
};

}  // namespace weir
