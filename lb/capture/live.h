// Live capture through libpcap: what an interface receives and sends, as pcap.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "lb/capture/recording.h"
#include "lb/result.h"

namespace weir {

struct LiveOptions {
    std::string interface;  // "any": all of them, as a Linux cooked capture
    std::string filter;     // as pcap-filter(7) has it; empty: everything
    int snaplen = 262144;   // bytes of a frame that are kept
    bool promiscuous = false;
    RecordingBounds bounds;
};

struct LiveResult {
    std::uint64_t frames = 0;
    std::uint64_t dropped = 0;  // by the kernel, for want of buffer
};

// Captures until a bound is reached or a signal comes. `begun` is called when frames are being
// taken. Exit::usage when the filter or the output is wrong, Exit::refused when the interface is.
Result<LiveResult> capture_live(const LiveOptions &options, const std::function<void()> &begun);

}  // namespace weir
