// The ways in which a trace is shown.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "lb/trace/follow.h"
#include "lb/trace/text.h"

namespace weir {

struct OutputOptions {
    std::string what;  // is traced: "connect of nginx"
    TraceSort sort = TraceSort::time;
    std::optional<std::size_t> top;  // rows and histograms; 0: all; none: as many as are of use
    bool each = false;               // interval is shown, not the whole alone
};

// Onto standard output: tables, and at the end histograms; or JSON.
std::unique_ptr<TraceOutput> text_output(const OutputOptions &options);
std::unique_ptr<TraceOutput> json_output(const OutputOptions &options);
// On the terminal, live, and at the end as text. Exit::refused: it cannot be drawn on.
Result<std::unique_ptr<TraceOutput>> screen_output(const OutputOptions &options);

}  // namespace weir
