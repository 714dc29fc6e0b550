// The lines of `weir top`. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lb/top/controls.h"
#include "lb/top/text.h"
#include "lb/top/view.h"

namespace weir {

struct TopSize {
    std::size_t rows = 24;
    std::size_t columns = 80;
};

// What is known beside the samples.
struct TopMoment {
    std::string clock;       // "12:34:56"
    std::string interval;    // "1s"
    std::string trouble{};   // why there is no newer sample; empty: there is
    double trouble_for = 0;  // seconds
};

// As many lines as the screen has at most, none wider than it is.
std::vector<TopLine> top_screen(const TopView &view, const TopControls &controls,
                                const TopMoment &moment, const TopSize &size);

// The same for a pipe: every service and backend, as wide as they are.
std::string top_text(const TopView &view, const TopMoment &moment);

}  // namespace weir
