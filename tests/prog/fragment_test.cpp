// Fragments: the first one tells the others where to go.
#include "tests/support/fragments.h"

#include "tests/prog/flows.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

using Parts = std::vector<Bytes>;

class Fragments : public Flows {
  protected:
    void SetUp() override {
        Flows::SetUp();
        query = long_datagram(client, dns);
        if (path)
            dns_backend = in_family(family(), "198.51.100.12:53");
    }

    static Segment long_datagram(const Endpoint &source, const Endpoint &destination) {
        Segment segment = datagram(source, destination);
        segment.id = kId;
        segment.payload.resize(3000);
        for (std::size_t i = 0; i < segment.payload.size(); ++i)
            segment.payload[i] = static_cast<std::uint8_t>(i * 7 + source.port);
        return segment;
    }

    static Parts parts_of(const Segment &segment) {
        return fragment(build(segment), {1200, 2400}, kId);
    }

    // Sends the parts of `in` in an order; what leaves is `out`, part by part and as a whole.
    void expect_parts(const Segment &in, const Segment &out, const std::vector<std::size_t> &order,
                      Entry where, Verdict verdict) {
        const Parts parts = parts_of(in);
        const Parts expected = parts_of(out);
        Parts left;
        for (const std::size_t i : order) {
            const Outcome outcome = path->run(where, parts[i]);
            EXPECT_EQ(to_string(outcome.verdict), to_string(verdict)) << i;
            EXPECT_EQ(checksum_fault(outcome.frame), "") << "I2: " << i;
            EXPECT_EQ(hex(outcome.frame), hex(expected[i])) << i;
            left.push_back(outcome.frame);
        }
        const auto whole = reassemble(left);
        ASSERT_TRUE(whole) << "the receiver cannot put them together";
        EXPECT_EQ(checksum_fault(*whole), "") << "I2";
        EXPECT_EQ(hex(*whole), hex(build(out))) << "I2, I3";
    }

    void expect_orphan(const Bytes &part) {
        const std::uint64_t before = path->drops(WEIR_DROP_FRAGMENT_ORPHAN);
        const std::uint64_t all = path->all_drops();
        EXPECT_EQ(to_string(path->run(entry(), part).verdict), "drop");
        EXPECT_EQ(path->drops(WEIR_DROP_FRAGMENT_ORPHAN), before + 1);
        EXPECT_EQ(path->all_drops(), all + 1) << "I6";
    }

    static constexpr std::uint16_t kId = 0xbeef;
    Segment query;
    Endpoint dns_backend;
};

TEST_P(Fragments, I3InOrderReachTheBackend) {
    expect_parts(query, as_sent(query, client, dns_backend), {0, 1, 2}, entry(), Verdict::forward);
    EXPECT_EQ(path->service(first_service + 2).forward_packets, 3U);
    EXPECT_EQ(path->service(first_service + 2).new_flows, 1U);
}

TEST_P(Fragments, I3WithTheLastTwoSwappedReachTheBackend) {
    expect_parts(query, as_sent(query, client, dns_backend), {0, 2, 1}, entry(), Verdict::forward);
}

TEST_P(Fragments, I3WithoutUdpChecksumReachTheBackend) {
    query.udp_checksum = false;
    expect_parts(query, as_sent(query, client, dns_backend), {0, 1, 2}, entry(), Verdict::forward);
}

TEST_P(Fragments, I3OfAReplyReachTheClient) {
    send(datagram(client, dns));
    const Segment reply = long_datagram(dns_backend, client);
    for (const auto &order : {std::vector<std::size_t>{0, 1, 2}, {0, 2, 1}})
        expect_parts(reply, as_sent(reply, dns, client), order, entry(), Verdict::forward);
    EXPECT_EQ(path->service(first_service + 2).reply_packets, 6U);
}

TEST_P(Fragments, I3OfAReplyOfThisHostAreTranslatedAtEgress) {
    send(datagram(client, dns));
    const Segment reply = long_datagram(dns_backend, client);
    Segment expected = reply;
    expected.source = dns;
    for (const auto &order : {std::vector<std::size_t>{0, 1, 2}, {0, 2, 1}})
        expect_parts(reply, expected, order, Entry::tc_egress, Verdict::pass);
}

TEST_P(Fragments, I1OfOthersAreLeftAlone) {
    send(datagram(client, dns));
    for (const Segment &other :
         {long_datagram(client, at("192.0.2.54:53")), long_datagram(at("198.51.100.12:54"), client),
          long_datagram(client, at("192.0.2.53:54"))}) {
        const Parts parts = parts_of(other);
        expect_untouched(entry(), parts[0]);
        if (other.destination.address != dns.address)
            for (const Bytes &part : parts)
                expect_untouched(entry(), part);
        for (const Bytes &part : parts)
            expect_untouched(Entry::tc_egress, part);
    }
}

TEST_P(Fragments, I6WithoutTheirFirstAreDropped) {
    const Parts parts = parts_of(query);
    expect_orphan(parts[1]);
    expect_orphan(parts[2]);
    run(query);
    expect_orphan(parts[1]);
    EXPECT_EQ(path->icmp(WEIR_ICMP_SENT), 0U);
    expect_parts(query, as_sent(query, client, dns_backend), {0, 1, 2}, entry(), Verdict::forward);
}

TEST_P(Fragments, OfADroppedFirstAreDropped) {
    Segment syn = make(client, idle, kSyn);
    syn.payload.assign(100, 1);
    const Parts parts = fragment(build(syn), {64}, kId);
    EXPECT_EQ(path->run(entry(), parts[0]).trace.reason, WEIR_DROP_NO_BACKEND);
    expect_orphan(parts[1]);
}

TEST_P(Fragments, OfTwoClientsWithOneIdDoNotMix) {
    const Segment other = long_datagram(at("203.0.113.6:40000"), dns);
    const Parts mine = parts_of(query);
    const Parts theirs = parts_of(other);
    path->run(entry(), mine[0]);
    expect_orphan(theirs[1]);
    path->run(entry(), theirs[0]);
    const Parts to = parts_of(as_sent(query, client, dns_backend));
    const Parts to_other = parts_of(as_sent(other, other.source, dns_backend));
    for (const std::size_t i : {1U, 2U}) {
        EXPECT_EQ(hex(path->run(entry(), theirs[i]).frame), hex(to_other[i]));
        EXPECT_EQ(hex(path->run(entry(), mine[i]).frame), hex(to[i]));
    }
}

TEST_P(Fragments, BelongToTheLastFirstWithTheirId) {
    path->run(entry(), parts_of(query)[0]);
    Segment tcp = make(client, vip, kSyn);
    tcp.payload.assign(100, 1);
    tcp.id = kId;
    path->run(entry(), fragment(build(tcp), {64}, kId)[0]);
    const Outcome outcome = path->run(entry(), parts_of(query)[1]);
    EXPECT_EQ(hex(outcome.frame), hex(parts_of(as_sent(query, client, dns_backend))[1]))
        << "to another address";
    query.source.port++;
    path->run(entry(), parts_of(query)[0]);
    EXPECT_EQ(path->run(entry(), parts_of(query)[1]).trace.flow, WEIR_TRACE_ESTABLISHED);
    EXPECT_EQ(list().size(), 3U);
}

// IPv4 counts identifications per protocol, IPv6 does not (RFC 791, 3.1; RFC 8200, 4.5).
TEST_P(Fragments, OfIpv4AreToldApartByProtocol) {
    Segment tcp = make(client, dns, kSyn);
    tcp.payload.assign(100, 1);
    tcp.id = kId;
    path->run(entry(), parts_of(query)[0]);
    const Parts parts = fragment(build(tcp), {64}, kId);
    expect_untouched(entry(), parts[0]);  // no such service
    if (family() == Family::v4)
        expect_orphan(parts[1]);
}

TEST_P(Fragments, MayFollowForAMinute) {
    const Parts parts = parts_of(query);
    path->run(entry(), parts[0]);
    path->advance(60s - 1ns);
    EXPECT_EQ(to_string(path->run(entry(), parts[1]).verdict), "forward");
    path->advance(1ns);
    expect_orphan(parts[2]);
}

TEST_P(Fragments, OfAFlowThatIsOverAreDropped) {
    Segment syn = make(client, vip, kSyn, 100);
    syn.payload.assign(100, 1);
    syn.id = kId;
    const Parts parts = fragment(build(syn), {64}, kId);
    path->run(entry(), parts[0]);
    path->advance(31s);
    expect_orphan(parts[1]);
}

TEST_P(Fragments, OfTcpFollowTheFirstToo) {
    const Endpoint backend = connect(client, vip);
    Segment segment = make(client, vip, kAck | kPsh | kFin, 101, 501);
    segment.payload.assign(2500, 3);
    segment.id = kId;
    expect_parts(segment, as_sent(segment, client, backend), {0, 2, 1}, entry(), Verdict::forward);
    ASSERT_EQ(list().size(), 1U);
    EXPECT_EQ(list()[0].state, FlowState::closing) << "the first one's flags count, once";
}

INSTANTIATE_TEST_SUITE_P(, Fragments, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
