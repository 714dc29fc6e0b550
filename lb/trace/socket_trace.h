// The trace of socket calls in the kernel: bpf/trace_sockets.bpf.c, loaded and attached. It ends
// with its owner, however that ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lb/result.h"
#include "lb/trace/calls.h"
#include "lb/trace/tally.h"

namespace weir {

struct SocketTraceOptions {
    CallSet calls;
    std::uint32_t pid = 0;  // of the first PID namespace; 0: every one
    std::string comm;       // empty: every one; longer ones than the kernel keeps are cut
};

class SocketTrace {
  public:
    // Exit::refused: no privilege, no tracefs, none of the calls can be traced.
    static Result<SocketTrace> start(const SocketTraceOptions &options);

    ~SocketTrace();
    SocketTrace(SocketTrace &&) noexcept;
    SocketTrace &operator=(SocketTrace &&) noexcept;
    SocketTrace(const SocketTrace &) = delete;
    SocketTrace &operator=(const SocketTrace &) = delete;

    // System calls that this kernel cannot trace.
    const std::vector<std::string> &missing() const;
    // What ended since the last one. Takes some milliseconds, until no program uses the table.
    Result<TraceReading> read();

  private:
    struct Inside;
    explicit SocketTrace(std::unique_ptr<Inside> inside);

    std::unique_ptr<Inside> inside_;
};

}  // namespace weir
