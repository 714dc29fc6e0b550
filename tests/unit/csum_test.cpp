// The data path's checksum and translation code, compiled natively, against whole computations.
#include <gtest/gtest.h>
#include <linux/in.h>

#include <cstring>
#include <random>

#include "tests/support/frame.h"

// BPF C: its casts are C's
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wuseless-cast"
#include "bpf/nat.h"
#include "bpf/schedule.h"
#pragma GCC diagnostic pop

namespace weir::test {
namespace {

// ~(sum of the words), folded: RFC 1071, the plain way.
std::uint16_t whole(const std::array<std::uint16_t, 8> &words) {
    std::uint32_t sum = 0;
    for (const std::uint16_t word : words)
        sum += word;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

TEST(Csum, I2UpdateEqualsWholeComputation) {
    std::mt19937 random(7);
    for (int round = 0; round < 200000; ++round) {
        std::array<std::uint16_t, 8> words{};
        // extreme words come often: they are where ones' complement has two zeros
        for (std::uint16_t &word : words)
            word = random() % 4 == 0 ? (random() % 2 ? 0xffff : 0)
                                     : static_cast<std::uint16_t>(random());
        words[7] |= 1;  // a header is never all zeros
        const std::uint16_t before = whole(words);
        std::uint32_t from = 0;
        std::uint32_t to = random() % 4 == 0 ? 0xffffffff : static_cast<std::uint32_t>(random());
        std::memcpy(&from, words.data(), sizeof from);
        std::memcpy(words.data(), &to, sizeof to);
        const std::uint16_t port = words[3];
        words[3] = static_cast<std::uint16_t>(random());
        const std::uint16_t delta = csum_add(csum_delta32(from, to), csum_delta16(port, words[3]));
        ASSERT_EQ(csum_apply(before, delta), whole(words)) << "round " << round;
        ASSERT_EQ(csum_apply(csum_apply(before, delta), csum_negate(delta)), before);
    }
}

TEST(Csum, UdpZeroStaysZeroAndIsNeverMade) {
    EXPECT_EQ(csum_apply_udp(0, 0x1234), 0);
    for (std::uint32_t delta = 0; delta <= 0xffff; ++delta)
        ASSERT_NE(csum_apply_udp(0x1234, static_cast<std::uint16_t>(delta)), 0) << delta;
}

Bytes make_frame(Protocol protocol) {
    Segment segment;
    segment.protocol = protocol;
    segment.source = *Endpoint::parse("203.0.113.5:40000");
    segment.destination = *Endpoint::parse("192.0.2.10:80");
    segment.payload = {1, 2, 3};
    return build(segment);
}

weir_tuple_v4 other_tuple(const weir_tuple_v4 &from) {
    weir_tuple_v4 to = from;
    to.daddr = Address::v4(198, 51, 100, 11).v4_network_order();
    to.dport = bpf_htons(8080);
    return to;
}

// I5: whatever is cut off, either the whole translation is written or nothing.
TEST(Nat, I5WritesAllOrNothing) {
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        const Bytes frame = make_frame(protocol);
        weir_packet packet{};
        ASSERT_TRUE(parse_packet(frame.data(), frame.data() + frame.size(), &packet));
        weir_flow_v4 entry{};
        const weir_tuple_v4 to = other_tuple(packet.tuple);
        nat_describe_v4(&packet.tuple, &to, &entry);
        const std::size_t needed = protocol == Protocol::tcp ? 54 : 42;
        for (std::size_t length = 0; length <= frame.size(); ++length) {
            Bytes cut = frame;
            const int written = nat_rewrite_v4(cut.data(), cut.data() + length, &packet, &entry);
            EXPECT_EQ(written != 0, length >= needed) << length;
            if (written) {
                EXPECT_EQ(checksum_fault(cut), "");
            } else {
                EXPECT_EQ(cut, frame) << length;
            }
        }
    }
}

TEST(Nat, I3ReverseOfTheAnswerIsTheOriginal) {
    const Bytes frame = make_frame(Protocol::tcp);
    weir_packet packet{};
    ASSERT_TRUE(parse_packet(frame.data(), frame.data() + frame.size(), &packet));
    weir_flow_v4 forward{};
    weir_flow_v4 reverse{};
    weir_tuple_v4 answer{};
    const weir_tuple_v4 to = other_tuple(packet.tuple);
    nat_describe_v4(&packet.tuple, &to, &forward);
    nat_reverse_v4(&packet.tuple, &forward, &reverse);
    nat_answer_tuple_v4(&forward, IPPROTO_TCP, &answer);
    EXPECT_EQ(answer.saddr, to.daddr);
    EXPECT_EQ(answer.dport, packet.tuple.sport);
    weir_tuple_v4 back{};
    nat_answer_tuple_v4(&reverse, IPPROTO_TCP, &back);
    EXPECT_EQ(std::memcmp(&back, &packet.tuple, sizeof back), 0);
    EXPECT_EQ(reverse.flow.direction, WEIR_REPLY);
}

TEST(Schedule, SlotsSpreadEvenlyOverAnyRing) {
    constexpr std::uint32_t kSlots = 13;
    std::array<int, kSlots + 1> hits{};
    weir_tuple_v4 tuple{};
    tuple.protocol = IPPROTO_TCP;
    for (std::uint32_t i = 0; i < 130000; ++i) {
        tuple.sport = bpf_htons(static_cast<std::uint16_t>(i));
        tuple.saddr = bpf_htonl(0xcb007100 + i / 65536);
        const std::uint32_t slot = schedule_slot(schedule_hash_v4(&tuple), kSlots);
        ASSERT_GE(slot, 1U);
        ASSERT_LE(slot, kSlots);
        ++hits[slot];
    }
    for (std::uint32_t slot = 1; slot <= kSlots; ++slot)
        EXPECT_NEAR(hits[slot], 10000, 500) << "slot " << slot;
}

}  // namespace
}  // namespace weir::test
