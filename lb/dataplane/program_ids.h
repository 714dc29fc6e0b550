// How an instance knows its programs: by a map that they use and no others do.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "lb/dataplane/fd.h"

namespace weir {

// Ids of maps. More than one while tables of another layout are replaced.
using MapIds = std::vector<std::uint32_t>;

// Whether a loaded program uses one of the maps.
bool program_uses_map(int program, const MapIds &maps);

// The id of a program, 0 if the descriptor is none.
std::uint32_t program_id_of(int program);

// How often a program ran, and for how long. Zeros unless the kernel counts it
// (kernel.bpf_stats_enabled), which costs some nanoseconds a run.
struct ProgramRuns {
    std::uint64_t runs = 0;
    std::chrono::nanoseconds time{0};
};
ProgramRuns runs_of(int program);

// The id of a map, 0 if the descriptor is none.
std::uint32_t map_id_of(int map);

// The programs of an instance. Those that this process has loaded it knows without privilege; to
// look at others takes CAP_SYS_ADMIN, which a daemon gives up when it has started.
class OwnPrograms {
  public:
    // `loaded` gives the descriptors of those of this process; they stay their owner's.
    explicit OwnPrograms(MapIds maps, std::function<std::vector<int>()> loaded = {})
        : maps_(std::move(maps)), loaded_(std::move(loaded)) {}

    // The program of that id, if it is one of them.
    Fd open(std::uint32_t program) const;
    bool contains(int program) const { return program_uses_map(program, maps_); }
    // Whether programs that others loaded can be looked at.
    static bool may_look();

  private:
    MapIds maps_;
    std::function<std::vector<int>()> loaded_;
};

}  // namespace weir
