// Programs on this host that talk to a VIP: TC egress opens their flows, and the replies go up the
// stack.
#include "tests/prog/answers.h"
#include "tests/prog/flows.h"
#include "tests/support/fragments.h"

namespace weir::test {
namespace {

class LocalPrograms : public Flows {
  protected:
    // What a program sends, on its way out: to the next hop of the backend, with the TTL it had.
    Segment expect_translated(const Segment &segment) {
        const Outcome outcome = path->run(Entry::tc_egress, build(segment));
        EXPECT_EQ(to_string(outcome.verdict), "pass") << "it is on the right interface already";
        const auto out = read(outcome.frame);
        if (!out)
            return {};
        Segment expected = as_sent(segment, segment.source, out->destination);
        expected.ttl++;
        EXPECT_EQ(hex(outcome.frame), hex(build(expected)));
        EXPECT_EQ(checksum_fault(outcome.frame), "") << "I2";
        return *out;
    }

    // A reply goes up translated, and is this host's: nothing else in it changes.
    void expect_up(const Segment &reply, const Endpoint &source) {
        Segment expected = reply;
        expected.source = source;
        const Outcome outcome = run(reply);
        EXPECT_EQ(to_string(outcome.verdict), "pass");
        EXPECT_EQ(outcome.trace.flow, WEIR_TRACE_REPLY);
        EXPECT_EQ(hex(outcome.frame), hex(build(expected)));
    }
};

TEST_P(LocalPrograms, I3ReachTheVip) {
    const Segment out = expect_translated(make(client, vip, kSyn, 100));
    EXPECT_EQ(out.destination.port, 8080U);
    Segment reply = make(out.destination, client, kSyn | kAck, 500, 101);
    reply.ttl = 1;  // it has arrived
    expect_up(reply, vip);
    EXPECT_EQ(expect_translated(make(client, vip, kAck, 101, 501)).destination, out.destination);
    const auto flows = list();
    ASSERT_EQ(flows.size(), 1U);
    EXPECT_EQ(flows[0].state, FlowState::established);
    EXPECT_EQ(path->service(first_service).forward_packets, 2U);
    EXPECT_EQ(path->service(first_service).reply_packets, 1U);
}

TEST_P(LocalPrograms, I3ReachTheVipByUdp) {
    const Segment out = expect_translated(datagram(client, dns));
    expect_up(datagram(out.destination, client), dns);
}

TEST_P(LocalPrograms, I3SendAndGetFragments) {
    Segment query = datagram(client, dns);
    query.payload.assign(200, 5);
    query.id = 7;
    Segment sent = as_sent(query, client, at("198.51.100.12:53"));
    sent.ttl++;
    Segment reply = query;
    std::swap(reply.source, reply.destination);
    reply.source = sent.destination;
    Segment up = reply;
    up.source = dns;
    for (const std::size_t i : {0U, 1U})
        EXPECT_EQ(hex(path->run(Entry::tc_egress, fragment(build(query), {96}, 7)[i]).frame),
                  hex(fragment(build(sent), {96}, 7)[i]));
    for (const std::size_t i : {0U, 1U})
        EXPECT_EQ(hex(path->run(entry(), fragment(build(reply), {96}, 7)[i]).frame),
                  hex(fragment(build(up), {96}, 7)[i]));
}

TEST_P(LocalPrograms, AreToldOfErrorsAboutTheirFlows) {
    const Segment out = expect_translated(make(client, vip, kSyn, 100));
    const Icmp error = error_about(build(out), Error::too_big);
    Segment meant = out;
    meant.destination = vip;
    Icmp expected = error;
    expected.source = vip.address;
    expected.body = error_about(build(meant), Error::too_big).body;
    const Outcome outcome = path->run(entry(), build(error));
    EXPECT_EQ(to_string(outcome.verdict), "pass");
    EXPECT_EQ(hex(outcome.frame), hex(build(expected)));
}

// The stack has routed it to the VIP.
TEST_P(LocalPrograms, ErrorsOfTheirsGoTheWayOfTheirFlows) {
    const Segment out = expect_translated(datagram(client, dns));
    const Segment reply = datagram(out.destination, client);
    Segment met = reply;
    met.source = dns;
    const Icmp error = error_about(build(met), Error::unreachable);
    Icmp expected = error;
    expected.destination = reply.source.address;
    expected.body = error_about(build(reply), Error::unreachable).body;
    expected.source_mac = out.source_mac;
    expected.destination_mac = out.destination_mac;
    EXPECT_EQ(hex(path->run(Entry::tc_egress, build(error)).frame), hex(build(expected)));
}

TEST_P(LocalPrograms, AreToldWhenThereIsNoBackend) {
    const Bytes syn = build(make(client, idle, kSyn));
    const Outcome outcome = path->run(Entry::tc_egress, syn);
    EXPECT_EQ(to_string(outcome.verdict), "forward");
    EXPECT_EQ(hex(outcome.frame), hex(answer_about(syn, Error::unreachable)));
    EXPECT_EQ(path->drops(WEIR_DROP_NO_BACKEND), 1U);
    EXPECT_EQ(path->all_drops(), 1U);
}

TEST_P(LocalPrograms, I1ForwardedPacketsAreNotTheirs) {
    const std::uint32_t other = 1;
    expect_untouched(Entry::tc_egress, build(make(client, vip, kSyn)), other);
    expect_untouched(Entry::tc_egress, build(datagram(client, dns)), other);
    EXPECT_TRUE(list().empty());
    expect_translated(make(client, vip, kSyn, 100));
    expect_untouched(Entry::tc_egress, build(make(client, vip, kAck, 101)), other);
}

TEST_P(LocalPrograms, I1FlowsFromOutsideAreNotTheirs) {
    send(make(client, vip, kSyn, 100));
    expect_untouched(Entry::tc_egress, build(make(client, vip, kAck, 101)));
    expect_untouched(Entry::tc_egress, build(make(client, at("192.0.2.10:81"), kSyn)));
}

INSTANTIATE_TEST_SUITE_P(, LocalPrograms, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
