// The ICMP that the data path itself sends, to the byte.
#pragma once

#include <algorithm>

#include "tests/support/icmp.h"

namespace weir::test {

// Bytes of its cause that an error carries at most.
inline constexpr std::size_t kCarried = 508;

// The error about a client's frame, from the VIP that it was for (RFC 792, RFC 4443), in its place:
// with tags and MAC addresses turned round.
inline Bytes answer_about(const Bytes &frame, Error error) {
    Icmp answer = error_about(frame, error, std::min(packet_of(frame).size(), kCarried) & ~3UL);
    const auto cause = read(frame);
    answer.source_mac = cause->destination_mac;
    answer.destination_mac = cause->source_mac;
    answer.tags = cause->tags;
    answer.id = 0;
    answer.tos = answer.source.is_v4() ? 0xc0 : 0;  // internetwork control: RFC 1812, 4.3.2.5
    answer.rest = 0;
    return build(answer);
}

}  // namespace weir::test
