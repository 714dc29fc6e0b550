// Capture in the data path itself: every frame that the programs of an instance deal with, and what
// they answer, as pcapng. It sees what XDP sends away or drops, which no other capture does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "lb/capture/recording.h"
#include "lb/capture/taps.h"
#include "lb/result.h"

namespace weir {

enum class Side { before, after, both };

struct VerdictOptions {
    TapOptions taps;
    std::string filter;  // pcap-filter(7), of the frame before or after; empty: everything
    Side side = Side::both;
    RecordingBounds bounds;
};

struct VerdictResult {
    std::uint64_t frames = 0;            // one that is written before and after counts once
    std::uint64_t lost = 0;              // events, of which a frame has two, for want of buffer
    std::chrono::nanoseconds missed{0};  // for how long nothing was taken: the output was too slow
};

// Each frame has a comment, "hook=tc_ingress verdict=drop reason=no_backend"; where the program
// changed it there are two of the same packet id, with " frame=before" and " frame=after". A frame
// that is dropped has no after. verdict=held is a fragment that waits for the first one of its
// packet. Errors are as those of capture_live().
Result<VerdictResult> capture_verdicts(const VerdictOptions &options,
                                       const std::function<void()> &begun);

}  // namespace weir
