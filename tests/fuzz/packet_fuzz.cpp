// Any bytes as a frame, through the data path's parser and translation, compiled natively: no
// access outside the frame, all of a translation or nothing (I5), sums that stay right (I2), and a
// way back (I3).
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/support/frame.h"

// BPF C: its casts are C's
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "bpf/nat.h"
#pragma GCC diagnostic pop

namespace {

// The bytes before the frame: what the tuple is translated to.
struct Target {
    __be32 saddr;
    __be32 daddr;
    __be16 sport;
    __be16 dport;
};

void require(bool condition) {
    if (!condition)
        std::abort();
}

// The IP packet as its header says it ends lies within the frame, so its sums can be judged.
bool is_whole(const weir::test::Bytes &frame, const weir_packet &packet) {
    return packet.l3_offset + packet.ip_length <= frame.size() &&
           packet.ip_length >= packet.l4_offset - packet.l3_offset + packet.l4_header;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    Target target{};
    if (size <= sizeof target)
        return 0;
    std::memcpy(&target, data, sizeof target);
    // a buffer of just this size, so that the sanitizer sees the first byte too far
    weir::test::Bytes frame(data + sizeof target, data + size);
    const weir::test::Bytes before = frame;
    weir_packet packet{};
    if (!parse_packet(frame.data(), frame.data() + frame.size(), &packet))
        return 0;
    require(packet.l4_offset < WEIR_OFFSET_MASK);

    weir_tuple_v4 to = packet.tuple;
    to.saddr = target.saddr;
    to.daddr = target.daddr;
    to.sport = target.sport;
    to.dport = target.dport;
    weir_flow_v4 forward{};
    weir_flow_v4 reverse{};
    nat_describe_v4(&packet.tuple, &to, &forward);
    nat_reverse_v4(&packet.tuple, &forward, &reverse);

    const bool judged = is_whole(before, packet) && weir::test::checksum_fault(before).empty();
    require(nat_rewrite_v4(frame.data(), frame.data() + frame.size(), &packet, &forward));
    if (judged)
        require(weir::test::checksum_fault(frame).empty());

    // `reverse` answers the swapped tuple; swapped back it undoes `forward`
    std::swap(reverse.saddr, reverse.daddr);
    std::swap(reverse.flow.sport, reverse.flow.dport);
    weir_packet again{};
    require(parse_packet(frame.data(), frame.data() + frame.size(), &again));
    require(nat_rewrite_v4(frame.data(), frame.data() + frame.size(), &again, &reverse));
    if (judged)
        require(frame == before);
    return 0;
}
