// What a replay tells: one JSON object per frame, and a summary.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "lb/replay/engine.h"

namespace weir {

// One line of the report, without the newline. `index` counts frames from 1. Lengths are those on
// the wire; "out" is 0 for a frame that was dropped.
std::string report_line(std::uint64_t index, const Frame &in, const Outcome &outcome,
                        Resolution resolution);

class Summary {
  public:
    void add(const Frame &in, const Outcome &outcome);
    void set_duration(std::chrono::nanoseconds duration) { duration_ = duration; }

    std::uint64_t frames_in() const { return in_; }
    // One line, and another one if the capture had cut frames.
    std::string to_string() const;

  private:
    std::uint64_t in_ = 0;
    std::uint64_t cut_ = 0;
    std::map<Verdict, std::uint64_t> verdicts_;
    std::map<std::string, std::uint64_t> reasons_;  // of drops
    std::map<std::string, std::uint64_t>
        answered_;  // of drops that an ICMP error took the place of
    std::chrono::nanoseconds duration_{};
};

}  // namespace weir
