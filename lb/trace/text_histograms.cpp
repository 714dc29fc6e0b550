// The histograms of lb/trace/text.h.
#include <fmt/format.h>

#include <algorithm>

#include "lb/trace/calls.h"
#include "lb/trace/text.h"

namespace weir {
namespace {

constexpr std::size_t kBarWidth = 40;

std::string summary(const Histogram &times) {
    return fmt::format("p50 {}, p99 {}, max {}", format_time(times.percentile(50)),
                       format_time(times.percentile(99)), format_time(times.max()));
}

std::string range_text(const Histogram::Range &range) {
    const auto to = range.to == 0 ? "..." : format_time(range.to);
    return fmt::format("[{}, {})", format_time(range.from), to);
}

std::string bars(const Histogram &times) {
    const auto ranges = times.ranges();
    std::uint64_t most = 1;
    for (const auto &range : ranges)
        most = std::max(most, range.calls);
    std::string text;
    for (const auto &range : ranges) {
        // one that has calls has a mark
        const auto length = (range.calls * kBarWidth + most - 1) / most;
        text += fmt::format("  {:<22} {:>10} |{:<{}}|\n", range_text(range), range.calls,
                            std::string(length, '@'), kBarWidth);
    }
    return text;
}

std::string block(TraceRow row) {
    const auto &[key, calls] = *row;
    const auto &[process, call] = key;
    auto text =
        fmt::format("{} by {}{}: {} calls", name_of(call), printable(process.comm),
                    process.pid == 0 ? "" : fmt::format(" ({})", process.pid), calls.count());
    if (calls.done.count() != 0)
        text += fmt::format(", {} done: {}", calls.done.count(), summary(calls.done));
    text += "\n" + bars(calls.done);
    for (const auto &[error, times] : calls.errors)
        text += fmt::format("  {} {}: {}\n", errno_name(error), times.count(), summary(times));
    if (calls.waiting != 0)
        text += fmt::format("  waiting {}: the longest for {}\n", calls.waiting,
                            format_time(calls.longest));
    return text;
}

}  // namespace

std::string trace_histograms(const Tally &tally, const TraceLook &look) {
    auto rows = sorted(tally, look.sort);
    if (look.top != 0)
        rows.resize(std::min(rows.size(), look.top));
    std::string text;
    for (const TraceRow row : rows)
        text += "\n" + block(row);
    return text;
}

}  // namespace weir
