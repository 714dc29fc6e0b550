// Live capture through libpcap, into one file or a ring of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "lb/result.h"

namespace weir {

struct LiveOptions {
    std::string interface;  // "any": all of them, as a Linux cooked capture
    std::string output;     // pcap, nanoseconds where the kernel has them; "-": standard output
    std::string filter;     // as pcap-filter(7) has it; empty: everything
    int snaplen = 262144;   // bytes of a frame that are kept
    bool promiscuous = false;
    bool immediate = false;  // frames are written as they come, not a buffer at a time
    // It ends at whichever comes first, or with SIGINT or SIGTERM.
    std::optional<std::uint64_t> frames;
    std::optional<std::chrono::seconds> time;
    // Another file begins when this one has so many bytes, or is so old. Of OUT.0, OUT.1, ... the
    // oldest gives way to the one after the last.
    std::optional<std::uint64_t> file_bytes;
    std::optional<std::chrono::seconds> file_time;
    unsigned files = 0;  // 0: only one, OUT itself
};

struct LiveResult {
    std::uint64_t frames = 0;
    std::uint64_t dropped = 0;  // by the kernel, for want of buffer
};

// Captures until a bound is reached or a signal comes. `begun` is called when frames are being
// taken. Exit::usage when the filter or the output is wrong, Exit::refused when the interface is.
Result<LiveResult> capture_live(const LiveOptions &options, const std::function<void()> &begun);

}  // namespace weir
