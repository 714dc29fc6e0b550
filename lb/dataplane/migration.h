// What tables of another layout or size hold, brought into new ones: flows, counters, and the
// services and backends that they name by id. Field by field and by name (conversion.h), with no
// code for any version.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lb/dataplane/conversion.h"
#include "lb/dataplane/merge.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/old_map.h"
#include "lb/result.h"

namespace weir {

enum class MigrationScope {
    everything,  // into tables that no packet has met
    flows,       // into tables that are in use, and know better about everything else
};

class Migration {
  public:
    // From the maps pinned in a folder to those of `to`, which must outlive this. Exit::refused
    // when a field has become something else.
    static Result<Migration> prepare(const std::filesystem::path &from, const Objects &to,
                                     MigrationScope scope);

    // All that is there.
    Result<void> copy(NewTables tables);
    // What the programs of the old tables have added or changed since. How many flows that were.
    Result<std::size_t> copy_rest(NewTables tables);

    // Whether flows have to be copied: the old tables may not be shared (ObjectsOptions).
    bool moves_flows() const;

  private:
    enum class Kind {
        settled,   // what a configuration filled: copied once
        flows,     // what packets add and change
        learnt,    // what packets add, and nobody misses much
        counters,  // what packets add to, all of 64 bits
    };
    struct Pair {
        Kind kind;
        Table to;
        std::optional<Siblings> siblings;  // of flows
        std::uint32_t entries;             // room in it
        OldMap from;
        Conversion key, value;
        std::vector<std::uint64_t> counted;  // by copy(): the old counters, all of all entries
    };

    Migration() = default;
    static std::optional<Kind> kind_of(const std::string &name, std::uint32_t type);
    Result<void> add(OldMap from, const Table &to, std::optional<Siblings> siblings, Kind kind);
    bool changes_family() const;
    bool shares_flows() const;
    Result<std::size_t> copy_entries(const Pair &pair, std::optional<std::uint32_t> since,
                                     NewTables tables) const;
    static Result<void> copy_array(const Pair &pair);
    static std::size_t values_of_entry(const Pair &pair);
    static Result<std::vector<std::uint64_t>> read_counters(const Pair &pair);
    static Result<void> add_counters(const Pair &pair, const std::vector<std::uint64_t> &now);

    std::vector<Pair> pairs_;
    // The filter of addresses, where the old tables had none or another: flows of any may come.
    std::optional<int> unknown_;
    int settings_ = -1;
    // The old tables may hold flows between IPv4 and IPv6.
    bool changing_ = false;
    std::chrono::nanoseconds copied_at_{0};
};

}  // namespace weir
