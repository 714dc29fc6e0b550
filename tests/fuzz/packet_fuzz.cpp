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

// The first bytes are the backend, the rest is the frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    weir_backend backend{};
    constexpr std::size_t kBackend = sizeof backend.address + sizeof backend.port;
    if (size <= kBackend)
        return 0;
    std::memcpy(&backend, data, kBackend);
    // a buffer of just this size, so that the sanitizer sees the first byte too far
    weir::test::Bytes frame(data + kBackend, data + size);
    const weir::test::Bytes before = frame;
    const auto length = static_cast<std::uint32_t>(frame.size());
    weir_packet packet{};
    const int parsed = parse_packet(frame.data(), frame.data() + length, length, &packet);
    if (parsed == 0)
        return 0;
    const auto family = static_cast<weir_family>(parsed);
    require(packet.l4_offset <= WEIR_OFFSET_MASK);

    weir_any_flow entry{};
    nat_to_backend(family, &packet.tuple, &backend, &entry);
    const bool judged = weir::test::checksum_fault(before).empty();
    require(nat_rewrite(family, frame.data(), frame.data() + length, &packet, &entry));
    if (judged)
        require(weir::test::checksum_fault(frame).empty());

    // what undoes it: the entry of the other direction, with its ends swapped
    nat_turn(family, &packet.tuple, &entry);
    std::swap(entry.flow.sport, entry.flow.dport);
    if (family == WEIR_V4)
        std::swap(entry.v4.saddr, entry.v4.daddr);
    else
        std::swap(entry.v6.saddr, entry.v6.daddr);
    weir_packet again{};
    require(parse_packet(frame.data(), frame.data() + length, length, &again) == parsed);
    require(nat_rewrite(family, frame.data(), frame.data() + length, &again, &entry));
    if (judged)
        require(frame == before);
    return 0;
}
