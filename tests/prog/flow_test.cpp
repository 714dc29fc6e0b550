// Flows over several packets: translation both ways, timeouts, and who may claim what.
#include "tests/prog/flows.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class FlowLife : public Flows {};

TEST_P(FlowLife, I3RepliesAreTheInverse) {
    Segment syn = make(client, vip, kSyn, 100);
    syn.payload = {1, 2, 3};
    const auto forward = read(run(syn).frame);
    ASSERT_TRUE(forward);
    // the answer of a backend that echoes what it got
    Segment echo = *forward;
    std::swap(echo.source, echo.destination);
    std::swap(echo.source_mac, echo.destination_mac);
    echo.tcp_flags = kSyn | kAck;
    const Outcome outcome = run(echo);
    EXPECT_EQ(to_string(outcome.verdict), "forward");
    EXPECT_EQ(outcome.trace.flow, WEIR_TRACE_REPLY);
    EXPECT_EQ(checksum_fault(outcome.frame), "");
    const auto reply = read(outcome.frame);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->source.to_string(), vip.to_string());
    EXPECT_EQ(reply->destination.to_string(), client.to_string());
    EXPECT_EQ(reply->destination_mac.to_string(), hop_mac(client.address).to_string());
    EXPECT_EQ(reply->payload, syn.payload);
}

TEST_P(FlowLife, EgressTranslatesRepliesOfTheHost) {
    const Endpoint backend = send(make(client, vip, kSyn, 100));
    const Segment reply = make(backend, client, kSyn | kAck, 500, 101);
    const Outcome outcome = path->run(Entry::tc_egress, build(reply));
    EXPECT_EQ(to_string(outcome.verdict), "pass");
    EXPECT_EQ(outcome.trace.flow, WEIR_TRACE_REPLY);
    Segment expected = reply;
    expected.source = vip;
    EXPECT_EQ(hex(outcome.frame), hex(build(expected)))
        << "neither MACs nor TTL are egress' affair";
    // and the handshake goes on from there
    send(make(client, vip, kAck, 101, 501));
    ASSERT_EQ(list().size(), 1U);
    EXPECT_EQ(list()[0].state, FlowState::established);
}

TEST_P(FlowLife, I1EgressLeavesEverythingElseAlone) {
    send(make(client, vip, kSyn, 100));
    for (const Segment &segment : {make(client, vip, kAck), make(vip, client, kAck),
                                   make(at("198.51.100.11:8081"), client, kAck),
                                   datagram(at("198.51.100.11:8080"), client)}) {
        const Bytes frame = build(segment);
        const Outcome outcome = path->run(Entry::tc_egress, frame);
        EXPECT_EQ(to_string(outcome.verdict), "pass");
        EXPECT_EQ(hex(outcome.frame), hex(frame));
        EXPECT_EQ(outcome.trace.service, WEIR_NO_SERVICE);
    }
}

TEST_P(FlowLife, StayOnTheirBackend) {
    for (std::uint16_t port = 1000; port < 1050; ++port) {
        const Endpoint other{client.address, port};
        const Endpoint backend = connect(other, vip);
        for (int i = 0; i < 3; ++i)
            EXPECT_EQ(send(make(other, vip, kAck, 101, 501)).to_string(), backend.to_string());
        EXPECT_EQ(send(make(other, vip, kSyn, 100)).to_string(), backend.to_string())
            << "a SYN that was sent again";
    }
    EXPECT_EQ(path->service(first_service).new_flows, 50U);
}

TEST_P(FlowLife, EndAfterTheirTimeout) {
    connect(client, vip);
    path->advance(2h + 4min - 2s);
    EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow, WEIR_TRACE_ESTABLISHED);
    path->advance(2h + 4min + 1s);
    EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow, WEIR_TRACE_NEW);
}

TEST_P(FlowLife, HalfOpenOnesEndSooner) {
    const Endpoint backend = send(make(client, vip, kSyn));
    path->advance(31s);
    const Bytes late = build(make(backend, client, kSyn | kAck, 500, 101));
    const Outcome outcome = path->run(entry(), late);
    EXPECT_EQ(to_string(outcome.verdict), "pass") << "no flow, and no service of that address";
    EXPECT_EQ(hex(outcome.frame), hex(late));
}

TEST_P(FlowLife, ClosingOnesEndSooner) {
    connect(client, vip);
    run(make(client, vip, kFin | kAck, 101, 501));
    path->advance(4min - 2s);
    EXPECT_EQ(run(make(client, vip, kAck, 102, 501)).trace.flow, WEIR_TRACE_ESTABLISHED);
    path->advance(4min + 1s);
    EXPECT_EQ(run(make(client, vip, kAck, 102, 501)).trace.flow, WEIR_TRACE_NEW);
}

TEST_P(FlowLife, OneDirectionKeepsTheOtherAlive) {
    const Endpoint backend = send(datagram(client, dns));
    run(datagram(backend, client));
    for (int i = 0; i < 10; ++i) {
        path->advance(4min);
        EXPECT_EQ(run(datagram(client, dns)).trace.flow, WEIR_TRACE_ESTABLISHED);
    }
    EXPECT_EQ(run(datagram(backend, client)).trace.flow, WEIR_TRACE_REPLY)
        << "the backend was silent for 40 minutes, the client was not";
}

TEST_P(FlowLife, RepliesAloneKeepItAlive) {
    const Endpoint backend = send(datagram(client, dns));
    for (int i = 0; i < 10; ++i) {
        path->advance(4min);
        EXPECT_EQ(run(datagram(backend, client)).trace.flow, WEIR_TRACE_REPLY);
    }
    EXPECT_EQ(run(datagram(client, dns)).trace.flow, WEIR_TRACE_ESTABLISHED)
        << "the client was silent for 40 minutes, the backend was not";
    EXPECT_EQ(path->service(first_service + 2).new_flows, 1U);
}

TEST_P(FlowLife, ASynAfterTheEndStartsOver) {
    connect(client, vip);
    run(make(client, vip, kRst, 101));
    EXPECT_EQ(run(make(client, vip, kSyn, 7000)).trace.flow, WEIR_TRACE_NEW);
    EXPECT_EQ(path->service(first_service).new_flows, 2U);
    EXPECT_EQ(list().size(), 1U);
}

// I4: two VIPs share a backend, and one client uses one port for both.
TEST_P(FlowLife, I4AReplyTupleHasOneOwner) {
    const Endpoint taken = connect(client, vip2);
    EXPECT_NE(send(make(client, vip, kSyn)).to_string(), taken.to_string())
        << "the other service has another backend to offer";

    Endpoint first;
    for (std::uint16_t port = 41000; first != taken; ++port)
        first = send(make({client.address, port}, vip, kSyn));
    // now find the client port that went to the backend which web2 shares, and let web2 want it
    const auto flows = list();
    for (const Flow &flow : flows)
        if (flow.vip == vip && flow.backend == taken) {
            const Outcome outcome = run(make(flow.client, vip2, kSyn));
            EXPECT_EQ(to_string(outcome.verdict), "drop");
            EXPECT_EQ(outcome.trace.reason, WEIR_DROP_TUPLE_IN_USE);
        }
    EXPECT_GE(path->drops(WEIR_DROP_TUPLE_IN_USE), 1U);
}

// Its own half went with it, and the other half is another flow's by now.
TEST_P(FlowLife, I4AnExpiredFlowTakesNothingOfTheNextOwnerAlong) {
    const Endpoint backend = send(make(client, vip2, kSyn));
    path->advance(31s);
    for (std::uint16_t tries = 0; tries < 50 && send(make(client, vip, kSyn)) != backend; ++tries)
        path->advance(31s);
    run(make(client, vip2, kSyn));  // the first one again: it must not get the tuple back
    const Outcome reply = run(make(backend, client, kSyn | kAck, 500, 1001));
    EXPECT_EQ(reply.trace.flow, WEIR_TRACE_REPLY);
    const auto seen = list();
    for (const Flow &flow : seen) {
        if (flow.backend == backend && flow.state == FlowState::replied) {
            EXPECT_EQ(read(reply.frame)->source.to_string(), flow.vip.to_string());
        }
    }
}

TEST_P(FlowLife, AVipIsNobodysClient) {
    const Outcome outcome = run(datagram({vip.address, 5353}, dns));
    EXPECT_EQ(to_string(outcome.verdict), "drop");
    EXPECT_EQ(outcome.trace.reason, WEIR_DROP_SOURCE_DENIED);
}

TEST_P(FlowLife, AnExpiredOwnerGivesItsTupleUp) {
    send(make(client, vip2, kSyn));
    path->advance(31s);
    EXPECT_EQ(run(make(client, vip, kSyn)).trace.flow, WEIR_TRACE_NEW);
    EXPECT_EQ(path->drops(WEIR_DROP_TUPLE_IN_USE), 0U);
}

TEST_P(FlowLife, AreCountedPerServiceAndBackend) {
    const Endpoint backend = connect(client, vip);
    const Bytes data = build(make(client, vip, kAck | kPsh, 101, 501));
    path->run(entry(), data);
    const Counters service = path->service(first_service);
    EXPECT_EQ(service.new_flows, 1U);
    EXPECT_EQ(service.forward_packets, 3U);
    EXPECT_EQ(service.forward_bytes, 3 * data.size());
    EXPECT_EQ(service.reply_packets, 1U);
    EXPECT_EQ(service.reply_bytes, data.size());
    const Counters of_backend = path->backend(backend);
    EXPECT_EQ(of_backend.forward_packets, 3U);
    EXPECT_EQ(of_backend.new_flows, 1U);
    EXPECT_EQ(path->service(first_service + 1).forward_packets, 0U);
}

INSTANTIATE_TEST_SUITE_P(, FlowLife, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
