// ICMP of the data path's own: echo replies, and errors about what it drops.
#include "tests/prog/answers.h"
#include "tests/prog/flow_entries.h"
#include "tests/prog/flows.h"
#include "tests/support/fragments.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class IcmpAnswers : public Flows {
  protected:
    void SetUp() override {
        Flows::SetUp();
        someone = at("203.0.113.5:0").address;
    }

    void expect_answered(const Segment &segment, Error error, weir_drop_reason reason) {
        const std::uint64_t drops = path->drops(reason);
        const std::uint64_t all = path->all_drops();
        const std::uint64_t sent = path->icmp(WEIR_ICMP_SENT);
        const Bytes frame = build(segment);
        expect_sent(frame, answer_about(frame, error));
        EXPECT_EQ(path->drops(reason), drops + 1);
        EXPECT_EQ(path->all_drops(), all + 1) << "I6";
        EXPECT_EQ(path->icmp(WEIR_ICMP_SENT), sent + 1);
    }

    void expect_silence(const Bytes &frame, weir_drop_reason reason) {
        const std::uint64_t sent = path->icmp(WEIR_ICMP_SENT);
        const Outcome outcome = path->run(entry(), frame);
        EXPECT_EQ(to_string(outcome.verdict), "drop");
        EXPECT_EQ(outcome.trace.reason, reason);
        EXPECT_EQ(path->icmp(WEIR_ICMP_SENT), sent);
    }

    Address someone;
};

TEST_P(IcmpAnswers, I2AnEchoToAVipIsReplied) {
    Icmp echo = echo_request(someone, vip.address);
    for (const std::size_t size : {0U, 1U, 56U, 57U, 1400U}) {
        echo.body.resize(size, 0xe0);
        echo.ttl = size == 1 ? 1 : 37;
        echo.padding = size % 5;
        echo.ip_options.assign(family() == Family::v4 && size == 56 ? 4 : 0, 1);
        Icmp reply = echo;
        std::swap(reply.source, reply.destination);
        std::swap(reply.source_mac, reply.destination_mac);
        reply.ttl = 64;
        reply.type = family() == Family::v4 ? 0 : 129;
        expect_sent(build(echo), build(reply));
    }
    EXPECT_EQ(path->icmp(WEIR_ICMP_ANSWERED), 5U);
    EXPECT_EQ(path->all_drops(), 0U);
}

TEST_P(IcmpAnswers, I1AnEchoToAnotherAddressIsLeftAlone) {
    for (const char *other : {"192.0.2.11:0", "198.51.100.11:0"})
        expect_untouched(entry(), build(echo_request(someone, at(other).address)));
    Icmp reply = echo_request(someone, vip.address);
    reply.type = family() == Family::v4 ? 0 : 129;
    expect_untouched(entry(), build(reply));
    expect_untouched(Entry::tc_egress, build(echo_request(someone, vip.address)));
    EXPECT_EQ(path->icmp(WEIR_ICMP_ANSWERED), 0U);
}

TEST_P(IcmpAnswers, I1AnEchoInFragmentsIsLeftAlone) {
    for (const Bytes &part : fragment(build(echo_request(someone, vip.address)), {32}, 77)) {
        expect_untouched(entry(), part);
        expect_untouched(Entry::tc_egress, part);
    }
    EXPECT_EQ(path->icmp(WEIR_ICMP_ANSWERED), 0U);
    EXPECT_EQ(path->all_drops(), 0U);
}

TEST_P(IcmpAnswers, AServiceWithoutBackendIsAnUnreachablePort) {
    Segment segment = make(client, idle, kSyn, 7);
    for (const std::size_t size : {0U, 1U, 2U, 3U, 4U, 60U, 468U, 469U, 488U, 489U, 1300U}) {
        segment.payload.assign(size, static_cast<std::uint8_t>(size));
        segment.padding = size % 3;
        expect_answered(segment, Error::unreachable, WEIR_DROP_NO_BACKEND);
    }
}

TEST_P(IcmpAnswers, AnErrorCarriesOptionsAndTrafficClassOfItsCause) {
    Segment segment = make(client, idle, kSyn, 7);
    segment.ip_options.assign(family() == Family::v4 ? 40 : 0, 1);
    segment.tos = 0xb8;
    expect_answered(segment, Error::unreachable, WEIR_DROP_NO_BACKEND);
}

TEST_P(IcmpAnswers, TheEndOfTheTtlIsTimeExceeded) {
    Segment query = datagram(client, dns);
    query.ttl = 1;
    expect_answered(query, Error::time_exceeded, WEIR_DROP_TTL_EXPIRED);
    query.udp_checksum = false;
    expect_answered(query, Error::time_exceeded, WEIR_DROP_TTL_EXPIRED);
    connect(client, vip);
    Segment segment = make(client, vip, kAck, 101, 501);
    for (const std::uint8_t ttl : {std::uint8_t{1}, std::uint8_t{0}}) {
        segment.ttl = ttl;
        expect_answered(segment, Error::time_exceeded, WEIR_DROP_TTL_EXPIRED);
    }
    EXPECT_EQ(list().size(), 2U);
    EXPECT_EQ(path->service(first_service).forward_packets, 2U) << "none of them was forwarded";
}

// The backend hears of it from the address that its client takes it for.
TEST_P(IcmpAnswers, TheEndOfAReplysTtlIsTimeExceeded) {
    Segment reply = make(connect(client, vip), client, kAck, 501, 101);
    reply.ttl = 1;
    const Outcome outcome = run(reply);
    EXPECT_EQ(to_string(outcome.verdict), "forward");
    EXPECT_EQ(checksum_fault(outcome.frame), "");
    const auto answer = read_icmp(outcome.frame);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->source.to_string(), vip.address.to_string());
    EXPECT_EQ(answer->destination.to_string(), reply.source.address.to_string());
    EXPECT_EQ(hex(answer->body), hex(packet_of(build(reply))));
    EXPECT_EQ(path->drops(WEIR_DROP_TTL_EXPIRED), 1U);
}

TEST_P(IcmpAnswers, APacketThatIsTooLongIsToldTheMtu) {
    connect(client, vip);
    set_mtu(*path, family() == Family::v4, 1000);
    Segment segment = make(client, vip, kAck, 101, 501);
    segment.fragment = 0x4000;
    segment.payload.assign(1000U - (family() == Family::v4 ? 40 : 60), 1);
    EXPECT_EQ(run(segment).trace.flow, WEIR_TRACE_ESTABLISHED) << "as long as the MTU";
    segment.payload.push_back(1);
    const Outcome outcome = run(segment);
    EXPECT_EQ(checksum_fault(outcome.frame), "");
    const auto answer = read_icmp(outcome.frame);
    ASSERT_TRUE(answer);
    const Icmp plain = error_about(build(segment), Error::too_big, kCarried);
    EXPECT_EQ(answer->type, plain.type);
    EXPECT_EQ(answer->code, plain.code);
    EXPECT_EQ(answer->rest, 1000U);
    EXPECT_EQ(hex(answer->body), hex(plain.body));
    EXPECT_EQ(answer->source.to_string(), vip.address.to_string());
    EXPECT_EQ(path->drops(WEIR_DROP_TOO_BIG), 1U);
}

// The stack cuts it up: it goes up translated, or is left for egress when it is a reply.
TEST_P(IcmpAnswers, APacketThatMayBeFragmentedGoesToTheStack) {
    if (family() == Family::v6)
        GTEST_SKIP() << "routers do not fragment IPv6";
    const Endpoint backend = connect(client, vip);
    set_mtu(*path, true, 1000);
    Segment segment = make(client, vip, kAck, 101, 501);
    segment.payload.assign(1200, 1);
    const Outcome outcome = run(segment);
    EXPECT_EQ(to_string(outcome.verdict), "pass");
    segment.destination = backend;
    EXPECT_EQ(hex(outcome.frame), hex(build(segment)));
    Segment reply = make(backend, client, kAck, 501, 101);
    reply.payload = segment.payload;
    expect_untouched(entry(), build(reply));
    EXPECT_EQ(path->all_drops(), 0U);
}

// RFC 1812, 4.3.2.7; RFC 4443, 2.4 e.
TEST_P(IcmpAnswers, NobodyIsToldAboutALaterFragment) {
    Segment first = datagram(client, dns);
    first.payload.assign(64, 1);
    const auto parts = [&](std::uint8_t ttl) {
        first.ttl = ttl;
        return fragment(build(first), {32}, 77);
    };
    path->run(entry(), parts(64)[0]);
    expect_silence(parts(1)[1], WEIR_DROP_TTL_EXPIRED);
    EXPECT_EQ(path->icmp(WEIR_ICMP_SENT), 0U);
    const Outcome outcome = path->run(entry(), parts(1)[0]);
    EXPECT_EQ(to_string(outcome.verdict), "forward") << "of the first one";
    EXPECT_EQ(path->icmp(WEIR_ICMP_SENT), 1U);
}

TEST_P(IcmpAnswers, NobodyIsToldWhoIsNoSingleHost) {
    std::vector<Endpoint> sources{*Endpoint::parse("0.0.0.0:1"), *Endpoint::parse("127.0.0.1:1"),
                                  *Endpoint::parse("224.0.0.1:1"), *Endpoint::parse("240.0.0.1:1"),
                                  *Endpoint::parse("255.255.255.255:1")};
    if (family() == Family::v6)
        sources = {*Endpoint::parse("[::]:1"), *Endpoint::parse("[::1]:1"),
                   *Endpoint::parse("[ff02::1]:1")};
    for (const Endpoint &source : sources)
        expect_silence(build(make(source, idle, kSyn)), WEIR_DROP_NO_BACKEND);
}

TEST_P(IcmpAnswers, AreLimitedToAThousandPerSecond) {
    const Bytes frame = build(make(client, idle, kSyn));
    for (int i = 0; i < 1000; ++i)
        ASSERT_EQ(to_string(path->run(entry(), frame).verdict), "forward") << i;
    expect_silence(frame, WEIR_DROP_NO_BACKEND);
    path->advance(1ms);
    EXPECT_EQ(to_string(path->run(entry(), frame).verdict), "forward");
    expect_silence(frame, WEIR_DROP_NO_BACKEND);
    EXPECT_EQ(path->drops(WEIR_DROP_NO_BACKEND), 1003U) << "I6: whether answered or not";
}

INSTANTIATE_TEST_SUITE_P(, IcmpAnswers, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
