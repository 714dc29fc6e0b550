// ICMP errors about the packets of flows: translated with the packet inside (RFC 5508, 4.2), and
// without any effect on the flow.
#include "tests/prog/errors.h"
#include "tests/prog/flows.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class IcmpErrors : public Flows {
  protected:
    void SetUp() override {
        Flows::SetUp();
        if (!path)
            return;
        router = at("203.0.113.254:0").address;
        backend = connect(client, vip);
        dns_backend = send(datagram(client, dns));
        run(datagram(dns_backend, client));
    }

    // `seen` is a packet as the sender of the error got it, `meant` the one that its receiver sent.
    // `hidden`: the error's source is the host that the flow stands for, and not a router.
    void check(const Segment &seen, const Segment &meant, bool hidden,
               std::size_t carried = 1000) const {
        for (const Error kind : kErrors) {
            const auto error = translated_error(build(seen), build(meant), kind,
                                                hidden ? nullptr : &router, carried);
            const std::uint64_t before = path->icmp(WEIR_ICMP_TRANSLATED);
            const Outcome outcome = path->run(entry(), build(error.in));
            EXPECT_EQ(to_string(outcome.verdict), "forward");
            EXPECT_EQ(checksum_fault(outcome.frame), "") << "I2";
            EXPECT_EQ(hex(outcome.frame), hex(build(error.out)));
            EXPECT_EQ(path->icmp(WEIR_ICMP_TRANSLATED), before + 1);
        }
    }

    // Errors from both sides, from the end host and from a router on the way.
    void check_both_sides(Segment segment, const Endpoint &to, const Endpoint &real,
                          std::size_t carried = 1000) const {
        segment.ttl = 1;
        for (const bool hidden : {true, false}) {
            SCOPED_TRACE(hidden ? "from the end host" : "from a router");
            check(of(segment, client, real), of(segment, client, to), hidden, carried);
            check(of(segment, to, client), of(segment, real, client), hidden, carried);
        }
    }

    static Segment of(Segment segment, const Endpoint &source, const Endpoint &destination) {
        segment.source = source;
        segment.destination = destination;
        return segment;
    }

    // Makes a checksum wrong, by as much as every other one that this is done to.
    static Bytes spoil(Bytes frame, std::size_t checksum) {
        put16(frame, checksum,
              static_cast<std::uint16_t>(~finish_sum(get16(frame, checksum) + 7U)));
        return frame;
    }

    Address router;
    Endpoint backend;
    Endpoint dns_backend;
};

TEST_P(IcmpErrors, I2AboutTcpWithTheWholeSegment) {
    Segment segment = make(client, vip, kAck | kPsh, 77, 99);
    segment.payload = {1, 2, 3, 4, 5};
    check_both_sides(segment, vip, backend);
}

TEST_P(IcmpErrors, I2AboutTcpWithoutItsChecksum) {
    const std::size_t ip = family() == Family::v4 ? 20 : 40;
    check_both_sides(make(client, vip, kAck, 77, 99), vip, backend, ip + 8);
    check_both_sides(make(client, vip, kAck, 77, 99), vip, backend, ip + 15);
}

TEST_P(IcmpErrors, I2AboutTcpWithItsHeaderOnly) {
    Segment segment = make(client, vip, kAck, 77, 99);
    segment.payload.assign(200, 0xab);
    const std::size_t ip = family() == Family::v4 ? 20 : 40;
    check_both_sides(segment, vip, backend, ip + 20);
    check_both_sides(segment, vip, backend, ip + 18);
    check_both_sides(segment, vip, backend, ip + 20 + 99);
}

TEST_P(IcmpErrors, I2AboutUdp) {
    check_both_sides(datagram(client, dns), dns, dns_backend);
}

TEST_P(IcmpErrors, I2AboutUdpWithoutChecksum) {
    Segment segment = datagram(client, dns);
    segment.udp_checksum = false;
    check_both_sides(segment, dns, dns_backend);
}

TEST_P(IcmpErrors, I2AboutPacketsWithOptionsOrAFragmentHeader) {
    Segment segment = datagram(client, dns);
    segment.ip_options.assign(family() == Family::v4 ? 40 : 0, 1);
    segment.extensions = {{44, {0, 0, 0, 1, 1, 2, 3, 4}}};
    check_both_sides(segment, dns, dns_backend);
}

TEST_P(IcmpErrors, I2WithOptionsAndPaddingOfTheirOwn) {
    Icmp error = error_about(build(make(client, backend, kAck)), Error::unreachable);
    error.ip_options.assign(family() == Family::v4 ? 8 : 0, 1);
    error.padding = 7;
    Icmp expected = error;
    expected.source = vip.address;
    expected.body = error_about(build(make(client, vip, kAck)), Error::unreachable).body;
    expected.source_mac = ReplayConfig{}.mac;
    expected.destination_mac = hop_mac(client.address);
    expected.ttl--;
    expect_sent(build(error), build(expected));
}

// The receiver is to see that the error is damaged: it must not be put right on the way.
TEST_P(IcmpErrors, WithAWrongChecksumKeepIt) {
    const auto error = translated_error(build(make(client, backend, kAck)),
                                        build(make(client, vip, kAck)), Error::unreachable);
    const Bytes damaged = spoil(build(error.in), l4_offset(build(error.in)) + 2);
    const Outcome outcome = path->run(entry(), damaged);
    EXPECT_NE(checksum_fault(damaged), "");
    EXPECT_NE(checksum_fault(outcome.frame), "");
    EXPECT_EQ(hex(outcome.frame), hex(spoil(build(error.out), l4_offset(build(error.out)) + 2)));
}

// Of a packet that was damaged on its way, or whose sum a NIC was to finish.
TEST_P(IcmpErrors, I2AboutPacketsWithAWrongChecksum) {
    const auto expect = [&](const Segment &seen, const Segment &meant) {
        const std::size_t field = seen.protocol == Protocol::tcp ? 16 : 6;
        const Bytes first = build(seen);
        const auto error =
            translated_error(spoil(first, l4_offset(first) + field),
                             spoil(build(meant), l4_offset(first) + field), Error::unreachable);
        EXPECT_NE(checksum_fault(build(error.out)), "") << "inside";
        EXPECT_EQ(hex(path->run(entry(), build(error.in)).frame), hex(build(error.out)));
    };
    const Segment segment = make(client, vip, kAck, 77, 99);
    expect(of(segment, client, backend), segment);
    expect(of(segment, vip, client), of(segment, backend, client));
    expect(datagram(client, dns_backend), datagram(client, dns));
    EXPECT_EQ(path->icmp(WEIR_ICMP_TRANSLATED), 3U);
}

TEST_P(IcmpErrors, OfThisHostAreTranslatedAtEgress) {
    const Icmp error = error_about(build(make(client, backend, kAck)), Error::unreachable);
    Icmp expected = error;
    expected.source = vip.address;
    expected.body = error_about(build(make(client, vip, kAck)), Error::unreachable).body;
    const Outcome outcome = path->run(Entry::tc_egress, build(error));
    EXPECT_EQ(to_string(outcome.verdict), "pass");
    EXPECT_EQ(hex(outcome.frame), hex(build(expected)))
        << "neither MACs nor TTL are egress' affair";
}

TEST_P(IcmpErrors, NeitherRefreshNorEndAFlow) {
    path->advance(4min);
    check_both_sides(make(client, vip, kAck, 77, 99), vip, backend);
    check_both_sides(datagram(client, dns), dns, dns_backend);
    const auto flows = list();
    ASSERT_EQ(flows.size(), 2U);
    for (const Flow &flow : flows) {
        EXPECT_GT(flow.idle, 4min - 100ms) << to_string(flow.protocol);
        EXPECT_LE(flow.idle, 4min) << to_string(flow.protocol);
        EXPECT_EQ(flow.state, FlowState::established);
    }
    path->advance(61s);
    expect_untouched(entry(), build(datagram(dns_backend, client)));
    EXPECT_EQ(list().size(), 1U) << "the timeout of UDP is five minutes";
}

TEST_P(IcmpErrors, I1AboutUnknownFlowsAreLeftAlone) {
    const Endpoint other = at("203.0.113.5:40001");
    for (const Segment &about :
         {make(other, vip, kAck), make(vip, other, kAck), make(other, backend, kAck),
          datagram(client, backend), make(backend, client, kAck), make(client, vip, kAck)}) {
        const Bytes frame = build(error_about(build(about), Error::unreachable));
        expect_untouched(entry(), frame);
        expect_untouched(Entry::tc_egress, frame);
    }
    EXPECT_EQ(path->icmp(WEIR_ICMP_TRANSLATED), 0U);
}

TEST_P(IcmpErrors, I1AboutExpiredFlowsAreLeftAlone) {
    path->advance(5min);
    expect_untouched(entry(),
                     build(error_about(build(datagram(client, dns_backend)), Error::unreachable)));
}

TEST_P(IcmpErrors, I1ThatHoldTooLittleAreLeftAlone) {
    const Bytes about = build(make(client, backend, kAck));
    const std::size_t ip = family() == Family::v4 ? 20 : 40;
    for (const std::size_t carried : {std::size_t{0}, std::size_t{8}, ip - 1, ip, ip + 3}) {
        Icmp error = error_about(about, Error::unreachable, carried);
        expect_untouched(entry(), build(error));
        Bytes padded = build(error);
        const Bytes packet = packet_of(about);
        padded.insert(padded.end(), test::at(packet, carried), test::at(packet, ip + 20));
        expect_untouched(entry(), padded);
    }
}

TEST_P(IcmpErrors, I1AboutLaterFragmentsAndOtherProtocolsAreLeftAlone) {
    Segment later = datagram(client, dns_backend);
    later.fragment = 185;
    later.extensions = {{44, {0, 0, 5, 0xc8, 1, 2, 3, 4}}};
    expect_untouched(entry(), build(error_about(build(later), Error::unreachable)));
    Bytes other = build(make(client, backend, kAck));
    other[family() == Family::v4 ? 23 : 20] = 47;
    expect_untouched(entry(), build(error_about(other, Error::unreachable)));
}

TEST_P(IcmpErrors, I1OfOtherTypesAreLeftAlone) {
    Icmp message = error_about(build(make(client, backend, kAck)), Error::unreachable);
    const std::vector<std::uint8_t> types = family() == Family::v4
                                                ? std::vector<std::uint8_t>{0, 4, 5, 9, 13, 17}
                                                : std::vector<std::uint8_t>{5, 127, 129, 135, 137};
    for (const std::uint8_t type : types) {
        message.type = type;
        expect_untouched(entry(), build(message));
    }
}

// RFC 1812, 4.3.2.7: nobody is told about a lost error.
TEST_P(IcmpErrors, I6AtTheEndOfTheirTtlAreDroppedInSilence) {
    Icmp error = error_about(build(make(client, backend, kAck)), Error::unreachable);
    error.ttl = 1;
    const Outcome outcome = path->run(entry(), build(error));
    EXPECT_EQ(to_string(outcome.verdict), "drop");
    EXPECT_EQ(path->drops(WEIR_DROP_TTL_EXPIRED), 1U);
    EXPECT_EQ(path->all_drops(), 1U);
    EXPECT_EQ(path->icmp(WEIR_ICMP_SENT), 0U);
}

INSTANTIATE_TEST_SUITE_P(, IcmpErrors, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
