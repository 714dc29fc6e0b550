// Any bytes as a frame, through the data path's parser and translation, compiled natively: no
// access outside the frame, all of a translation or nothing (I5), sums that stay right (I2), and a
// way back (I3).
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tests/support/frame.h"

// BPF C: its casts are C's
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "bpf/nat.h"
#pragma GCC diagnostic pop

namespace {

void require(bool condition) {
    if (!condition)
        std::abort();
}

}  // namespace

// The first bytes are the addresses and ports after translation, the rest is the frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    weir_address source{};
    weir_address destination{};
    weir_flow_v6 entry{};
    weir_flow &flow = entry.flow;
    constexpr std::size_t kTarget = sizeof source + sizeof destination + 2 * sizeof flow.sport;
    if (size <= kTarget)
        return 0;
    std::memcpy(&source, data, sizeof source);
    std::memcpy(&destination, data + sizeof source, sizeof destination);
    std::memcpy(&flow.sport, data + 32, 4);
    // a buffer of just this size, so that the sanitizer sees the first byte too far
    weir::test::Bytes frame(data + kTarget, data + size);
    const weir::test::Bytes before = frame;
    const auto length = static_cast<std::uint32_t>(frame.size());
    const std::uint8_t *end = frame.data() + length;
    weir_packet packet{};
    const int all = parse_packet(frame.data(), end, length, WEIR_PARSE_ALL, &packet);
    require(all == 0 || packet.l4_offset <= WEIR_OFFSET_MASK);
    const int family = parse_packet(frame.data(), end, length, WEIR_PARSE_PLAIN, &packet);
    if (family == 0)
        return 0;
    require(all == family);

    // IPv4 is rewritten to the last four bytes of an address
    entry_set_source(family, &entry, &source);
    entry_set_destination(family, &entry, &destination);
    entry_measure(family, &packet.tuple, &entry);
    // what is rewritten to mapped addresses is nobody's (parse_v6)
    if (family == WEIR_V6 &&
        (nat_family_of(&source) == WEIR_V4 || nat_family_of(&destination) == WEIR_V4))
        return 0;
    const bool judged = weir::test::checksum_fault(before).empty();
    require(nat_rewrite(family, frame.data(), end, &packet, &flow));
    if (judged)
        require(weir::test::checksum_fault(frame).empty());

    // what undoes it: the entry of the other direction, with its ends swapped
    entry_turn(family, &packet.tuple, &entry);
    std::swap(flow.sport, flow.dport);
    entry_source(family, &flow, &source);
    entry_destination(family, &flow, &destination);
    entry_set_source(family, &entry, &destination);
    entry_set_destination(family, &entry, &source);
    weir_packet again{};
    require(parse_packet(frame.data(), end, length, WEIR_PARSE_PLAIN, &again) == family);
    require(nat_rewrite(family, frame.data(), end, &again, &flow));
    if (judged)
        require(frame == before);
    return 0;
}
