// Looks at a trace every interval, until it is over, and has an output show it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "lb/result.h"
#include "lb/trace/socket_trace.h"
#include "lb/trace/tally.h"
#include "lb/trace/waiter.h"

namespace weir {

// The tallies live as long as follow() runs, and show the newest.
struct TraceView {
    const Tally &all;
    double seconds;
    // since the look before
    const Tally &last;
    double last_seconds;
};

class TraceOutput {
  public:
    TraceOutput() = default;
    virtual ~TraceOutput() = default;
    TraceOutput(const TraceOutput &) = delete;
    TraceOutput &operator=(const TraceOutput &) = delete;
    TraceOutput(TraceOutput &&) = delete;
    TraceOutput &operator=(TraceOutput &&) = delete;

    // An interval is over. False: nobody listens any more.
    virtual bool show(const TraceView &view) = 0;
    // The trace is over.
    virtual void end(const TraceView &view) = 0;
    // A terminal whose keys are waited for; -1: none.
    virtual int keys() const { return -1; }
    // Keys were pressed, or the terminal's size has changed. False: the user wants to end it.
    virtual bool press() { return true; }
    virtual void resize() {}
};

struct FollowOptions {
    std::chrono::milliseconds interval;
    std::optional<std::chrono::milliseconds> duration;
    std::uint64_t count = 0;  // intervals; 0: no end
    bool by_name = false;     // as Tally has it
};

Result<void> follow(SocketTrace &trace, const Waiter &waiter, const FollowOptions &options,
                    TraceOutput &output);

}  // namespace weir
