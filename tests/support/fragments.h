// IP fragments of a frame, and back.
#pragma once

#include "tests/support/frame.h"

namespace weir::test {

// The frames of an IPv4 packet, or IPv6 packet without extension headers, cut at each of `cuts`
// bytes of its payload, L4 header included: ascending multiples of eight.
std::vector<Bytes> fragment(const Bytes &frame, const std::vector<std::size_t> &cuts,
                            std::uint32_t id);

// The frame that fragment() cut, in whatever order its parts came; its Ethernet header is that of
// the first part. nullopt when parts are missing, overlap, or are of several packets.
std::optional<Bytes> reassemble(const std::vector<Bytes> &fragments);

}  // namespace weir::test
