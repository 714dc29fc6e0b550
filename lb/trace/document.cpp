#include "lb/trace/document.h"

#include <algorithm>

#include "lb/trace/calls.h"

namespace weir {
namespace {

// With null where there were no calls.
Json times_document(const Histogram &times) {
    const bool any = times.count() != 0;
    const auto or_null = [&](std::uint64_t ns) { return any ? Json(ns) : Json(nullptr); };
    Json histogram = Json::array();
    for (const auto &range : times.ranges())
        histogram.push_back({{"from_ns", range.from},
                             {"to_ns", range.to == 0 ? Json(nullptr) : Json(range.to)},
                             {"calls", range.calls}});
    return {{"calls", times.count()},
            {"sum_ns", times.sum()},
            {"p50_ns", or_null(times.percentile(50))},
            {"p90_ns", or_null(times.percentile(90))},
            {"p99_ns", or_null(times.percentile(99))},
            {"max_ns", or_null(times.max())},
            {"histogram", histogram}};
}

Json row_document(TraceRow row) {
    const auto &[key, calls] = *row;
    const auto &[process, call] = key;
    Json errors = Json::object();
    for (const auto &[error, times] : calls.errors)
        errors[errno_name(error)] = times_document(times);
    return {{"pid", process.pid == 0 ? Json(nullptr) : Json(process.pid)},
            {"comm", process.comm},
            {"call", name_of(call)},
            {"calls", calls.count()},
            {"again", calls.again()},
            {"failed", calls.failed()},
            {"waiting", calls.waiting},
            {"longest_waiting_ns", calls.waiting == 0 ? Json(nullptr) : Json(calls.longest)},
            {"done", times_document(calls.done)},
            {"errors", errors}};
}

}  // namespace

Json trace_document(const Tally &tally, double time, double seconds, bool end,
                    const TraceLook &look) {
    auto rows = sorted(tally, look.sort);
    if (look.top != 0)
        rows.resize(std::min(rows.size(), look.top));
    Json all = Json::array();
    for (const TraceRow row : rows)
        all.push_back(row_document(row));
    const TraceUnseen &unseen = tally.unseen();
    return {{"time", time},
            {"seconds", seconds},
            {"end", end},
            {"rows", all},
            {"missing",
             {{"no_beginning", unseen.end},
              {"no_room_to_begin", unseen.begun},
              {"no_room_to_count", unseen.times},
              {"skipped_by_kernel", unseen.skipped},
              {"processes_put_together", tally.put_together()}}}};
}

}  // namespace weir
