// What people see of the trace: a table, and histograms below it. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lb/result.h"
#include "lb/top/display.h"
#include "lb/top/text.h"
#include "lb/trace/tally.h"

namespace weir {

enum class TraceSort { time, calls, p99, max, failed };
// "p99"; Exit::usage.
Result<TraceSort> parse_trace_sort(const std::string &text);
std::string_view to_string(TraceSort sort);
std::string trace_sort_names();
TraceSort next_sort(TraceSort sort);  // after the last one the first

using TraceRow = const std::pair<const Tally::Key, TraceCalls> *;
// The first first. By time: those that wait for somebody else (waits()) after all others.
std::vector<TraceRow> sorted(const Tally &tally, TraceSort sort);

// What is known beside the calls.
struct TraceMoment {
    std::string clock;   // "12:34:56", the end of the time that is told of
    double seconds = 0;  // how long that is
    std::string what;    // "connect, accept of nginx"
};

struct TraceLook {
    TraceSort sort = TraceSort::time;
    std::size_t top = 0;  // rows, and histograms; 0: all
};

// What came last, of which CALLS/S is.
struct TraceInterval {
    const Tally &tally;
    double seconds;
};

// The table of `all`: as many lines as the screen has at most, none wider than it is.
std::vector<TopLine> trace_screen(const Tally &all, const TraceInterval &last,
                                  const TraceMoment &moment, const TraceLook &look,
                                  const TopSize &size);

// For a pipe, and for the end: a line that says of what, the table, what is missing in it.
std::string trace_table(const Tally &tally, const TraceMoment &moment, const TraceLook &look);
// A histogram of each row of the table.
std::string trace_histograms(const Tally &tally, const TraceLook &look);

// Calls that are missing, a line for each reason; empty: none.
std::vector<std::string> missing_calls(const Tally &tally);

}  // namespace weir
