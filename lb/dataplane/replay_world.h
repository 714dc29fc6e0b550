// What a replay tells the data path about each frame, and learns from it, in memory that both have.
#pragma once

#include <chrono>
#include <cstdint>

#include "bpf/abi.h"
#include "lb/result.h"

namespace weir {

class ReplayWorld {
  public:
    // The map `replay` of objects that were loaded with ObjectsOptions::replay_mac; it may be
    // closed then. Nothing has been seen yet.
    static Result<ReplayWorld> map(int fd);

    ~ReplayWorld();
    ReplayWorld(ReplayWorld &&other) noexcept;
    ReplayWorld &operator=(ReplayWorld &&other) noexcept;
    ReplayWorld(const ReplayWorld &) = delete;
    ReplayWorld &operator=(const ReplayWorld &) = delete;

    // The data path's clock, and the length of the next frame on the wire in bytes (0: as long as
    // it is).
    void set_frame(std::chrono::nanoseconds time, std::uint32_t wire_length);
    // What became of the last packet, which is forgotten.
    weir_trace take_trace();

  private:
    explicit ReplayWorld(weir_replay *shared) : shared_(shared) {}

    weir_replay *shared_ = nullptr;  // a page
};

}  // namespace weir
