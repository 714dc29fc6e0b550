// The data path's checksum and translation code, compiled natively, against whole computations.
#include <gtest/gtest.h>
#include <linux/in.h>

#include <cstring>
#include <random>

#include "tests/support/frame.h"

// BPF C: its casts are C's
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
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

TEST(Csum, FoldingKeepsASumModuloFfffAndNeverMakesZero) {
    std::mt19937_64 random(9);
    std::vector<std::uint64_t> sums{0, 1, 0xffff, 0x10000, 0x1fffe, 0x1ffff, 0xffffffff};
    for (int bit = 16; bit <= 48; ++bit)
        for (std::uint64_t less = 1; less < 5; ++less)
            sums.push_back((std::uint64_t{1} << bit) - less);
    for (std::uint64_t low = 0; low <= 0xffff; ++low)
        sums.push_back((std::uint64_t{0xffff} << 32) + 0xffff0000 + low);
    for (int round = 0; round < 200000; ++round)
        sums.push_back(random() >> (16 + random() % 48));
    for (const auto sum : sums) {
        ASSERT_EQ(csum_fold64(sum) % 0xffff, sum % 0xffff) << sum;
        ASSERT_EQ(csum_fold64(sum) == 0, sum == 0) << sum;
    }
}

TEST(Csum, I2AHopLessLeavesACorrectHeader) {
    std::mt19937 random(11);
    for (int ttl = 2; ttl <= 255; ++ttl)
        for (int round = 0; round < 100; ++round) {
            Segment segment;
            segment.source = {*Address::parse("203.0.113.5"), static_cast<std::uint16_t>(random())};
            segment.destination = *Endpoint::parse("192.0.2.10:80");
            segment.ttl = static_cast<std::uint8_t>(ttl);
            segment.payload.resize(random() % 64);
            Bytes frame = build(segment);
            ASSERT_TRUE(nat_decrement_ttl(WEIR_V4, frame.data() + 14, frame.data() + frame.size()));
            ASSERT_EQ(frame[22], ttl - 1);
            ASSERT_EQ(checksum_fault(frame), "") << ttl;
        }
}

TEST(Csum, UdpZeroStaysZeroAndIsNeverMade) {
    EXPECT_EQ(csum_apply_udp(0, 0x1234), 0);
    for (std::uint32_t delta = 0; delta <= 0xffff; ++delta)
        ASSERT_NE(csum_apply_udp(0x1234, static_cast<std::uint16_t>(delta)), 0) << delta;
}

struct Case {
    const char *name;
    Protocol protocol;
    const char *client;
    const char *vip;
    const char *backend;
    std::size_t headers;  // bytes that a rewrite touches, from the start of the frame
};

void PrintTo(const Case &row, std::ostream *out) {
    *out << row.name;
}

class Nat : public testing::TestWithParam<Case> {
  protected:
    void SetUp() override {
        Segment segment;
        segment.protocol = GetParam().protocol;
        segment.source = *Endpoint::parse(GetParam().client);
        segment.destination = *Endpoint::parse(GetParam().vip);
        segment.payload = {1, 2, 3};
        frame = build(segment);
        family = parse_packet(frame.data(), frame.data() + frame.size(),
                              static_cast<std::uint32_t>(frame.size()), WEIR_PARSE_PLAIN, &packet);
        ASSERT_EQ(family, segment.source.address.is_v4() ? WEIR_V4 : WEIR_V6);

        const Endpoint to = *Endpoint::parse(GetParam().backend);
        weir_address client{};
        nat_source(family, &packet.tuple, &client);
        entry_set_source(family, &entry, &client);
        entry.flow.sport = packet.tuple.head.sport;
        weir_address server{};
        std::memcpy(server.bytes, to.address.bytes().data(), 16);
        entry_set_destination(family, &entry, &server);
        entry.flow.dport = bpf_htons(to.port);
        entry_measure(family, &packet.tuple, &entry);
    }

    int rewrite(Bytes &into, std::size_t length) const {
        return nat_rewrite(family, into.data(), into.data() + length, &packet, &entry.flow);
    }

    Bytes frame;
    int family = 0;
    weir_packet packet{};
    weir_flow_v6 entry{};
};

TEST_P(Nat, I5WritesAllOrNothing) {
    for (std::size_t length = 0; length <= frame.size(); ++length) {
        Bytes cut = frame;
        const int written = rewrite(cut, length);
        EXPECT_EQ(written != 0, length >= GetParam().headers) << length;
        EXPECT_EQ(cut == frame, written == 0) << length;
    }
}

TEST_P(Nat, I2LeavesCorrectSumsAndTheBackendsAddress) {
    ASSERT_TRUE(rewrite(frame, frame.size()));
    EXPECT_EQ(checksum_fault(frame), "");
    const auto out = read(frame);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->destination.to_string(), GetParam().backend);
    EXPECT_EQ(out->source.to_string(), GetParam().client);
}

TEST_P(Nat, I3TheOtherDirectionTakesItBack) {
    weir_any_tuple answer{};
    entry_answer(family, &entry.flow, packet.tuple.head.protocol, &answer);
    EXPECT_EQ(answer.head.sport, entry.flow.dport);
    EXPECT_EQ(answer.head.dport, packet.tuple.head.sport);
    weir_flow_v6 turned = entry;
    entry_turn(family, &packet.tuple, &turned);
    EXPECT_EQ(turned.flow.flags, WEIR_FLOW_REPLY);
    weir_any_tuple back{};
    entry_answer(family, &turned.flow, packet.tuple.head.protocol, &back);
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): a map compares keys byte by byte
    EXPECT_EQ(std::memcmp(&back, &packet.tuple, sizeof back), 0);
    entry_turn(family, &answer, &turned);
    EXPECT_EQ(turned.flow.flags, 0);
    EXPECT_TRUE(entry_same_target(family, &turned.flow, &entry.flow));
    // what the one direction adds to a sum, the other takes away: together a zero of ones'
    // complement
    entry_turn(family, &packet.tuple, &turned);
    const auto there = entry_deltas(family, &packet.tuple, &entry.flow);
    const auto home = entry_deltas(family, &answer, &turned.flow);
    EXPECT_EQ(csum_add(there.addresses, home.addresses), 0xffff);
    EXPECT_EQ(csum_add(there.ports, home.ports), 0xffff);
}

INSTANTIATE_TEST_SUITE_P(, Nat,
                         testing::Values(Case{"TcpV4", Protocol::tcp, "203.0.113.5:40000",
                                              "192.0.2.10:80", "198.51.100.11:8080", 52},
                                         Case{"UdpV4", Protocol::udp, "203.0.113.5:40000",
                                              "192.0.2.10:53", "198.51.100.11:5353", 42},
                                         Case{"TcpV6", Protocol::tcp, "[2001:db8::5]:40000",
                                              "[2001:db8:1::10]:80", "[2001:db8:2::11]:8080", 72},
                                         Case{"UdpV6", Protocol::udp, "[2001:db8::5]:40000",
                                              "[2001:db8:1::10]:53", "[2001:db8:2::11]:5353", 62}),
                         [](const auto &test) { return test.param.name; });

void expect_even_slots(weir_family family) {
    constexpr std::uint32_t kSlots = 13;
    std::array<int, kSlots + 1> hits{};
    weir_any_tuple tuple{};
    tuple.head.protocol = IPPROTO_TCP;
    for (std::uint32_t i = 0; i < 130000; ++i) {
        tuple.head.sport = bpf_htons(static_cast<std::uint16_t>(i));
        if (family == WEIR_V4)
            tuple.v4.saddr = bpf_htonl(0xcb007100 + i / 65536);
        else
            tuple.v6.saddr.words[3] = bpf_htonl(i / 65536);
        const std::uint32_t slot = schedule_slot(schedule_hash(family, &tuple), kSlots);
        ASSERT_GE(slot, 1U);
        ASSERT_LE(slot, kSlots);
        ++hits.at(slot);
    }
    for (std::uint32_t slot = 1; slot <= kSlots; ++slot)
        EXPECT_NEAR(hits.at(slot), 10000, 500) << "slot " << slot;
}

TEST(Schedule, SlotsSpreadEvenlyOverAnyRing) {
    expect_even_slots(WEIR_V4);
    expect_even_slots(WEIR_V6);
}

}  // namespace
}  // namespace weir::test
