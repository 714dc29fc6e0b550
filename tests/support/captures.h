// Captures as lists of frames.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lb/replay/capture.h"
#include "tests/support/frame.h"

namespace weir::test {

// All bytes kept; the time counts from 1700000000 s.
Frame frame_at(std::chrono::nanoseconds since_start, Bytes bytes);

// Both throw std::runtime_error.
void write_capture(const std::filesystem::path &file, const std::vector<Frame> &frames,
                   Resolution resolution = Resolution::microseconds);
std::vector<Frame> read_capture(const std::filesystem::path &file);

}  // namespace weir::test
