// How a packet of a flow must leave the data path: the whole frame, made anew.
#pragma once

#include "tests/prog/model.h"
#include "tests/support/program.h"

namespace weir::test {

inline bool changes_family(const Tuple &from, const Tuple &to) {
    return from.source.address.is_v4() != to.source.address.is_v4();
}

// RFC 7915: what is left of a packet that changes its IP version.
inline void change_family(Segment &segment, bool to_v4) {
    segment.ip_options.clear();
    segment.extensions.clear();
    segment.id = 0;
    const std::size_t length =
        20 + (segment.protocol == Protocol::tcp ? 20 : 8) + segment.payload.size();
    segment.fragment = to_v4 && length > 1260 ? 0x4000 : 0;
}

// `segment` as ingress sends it on.
inline Segment translated(Segment segment, const Tuple &to) {
    if (changes_family(tuple_of(segment), to))
        change_family(segment, to.source.address.is_v4());
    segment.source = to.source;
    segment.destination = to.destination;
    segment.source_mac = ReplayConfig{}.mac;
    segment.destination_mac = hop_mac(to.destination.address);
    segment.ttl--;
    return segment;
}

}  // namespace weir::test
