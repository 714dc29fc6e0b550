// How far a long replay is, on a terminal.
#pragma once

#include <chrono>
#include <string>

#include "lb/replay/replay.h"

namespace weir {

// " 42% 1200000 frames, 85000/s, 19 s left"; without a size: " 1200000 frames, 85000/s".
std::string progress_line(const ReplayPosition &position, std::chrono::nanoseconds elapsed);

// Writes one line over and over on stderr, if that is a terminal; it is gone with the object.
class Progress {
  public:
    Progress();
    ~Progress();
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;
    Progress(Progress &&) = delete;
    Progress &operator=(Progress &&) = delete;

    void show(const ReplayPosition &position);

  private:
    bool terminal_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace weir
