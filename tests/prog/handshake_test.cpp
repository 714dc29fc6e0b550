// What lifts a flow out of the table of new ones, and what does not.
#include "tests/prog/flows.h"

namespace weir::test {
namespace {

class Handshake : public Flows {};

TEST_P(Handshake, AHandshakeEstablishes) {
    const Endpoint backend = send(make(client, vip, kSyn, 100));
    EXPECT_EQ(list().at(0).state, FlowState::fresh);
    run(make(backend, client, kSyn | kAck, 500, 101));
    EXPECT_EQ(list().at(0).state, FlowState::replied);
    send(make(client, vip, kAck, 101, 501));
    const auto flows = list();
    ASSERT_EQ(flows.size(), 1U) << "promotion moves, it does not copy";
    EXPECT_EQ(flows[0].state, FlowState::established);
    EXPECT_EQ(flows[0].client.to_string(), client.to_string());
    EXPECT_EQ(flows[0].vip.to_string(), vip.to_string());
    EXPECT_EQ(flows[0].backend.to_string(), backend.to_string());
}

TEST_P(Handshake, AnAckOfAnotherSequenceDoesNotEstablish) {
    const Endpoint backend = send(make(client, vip, kSyn, 100));
    run(make(backend, client, kSyn | kAck, 500, 101));
    send(make(client, vip, kAck, 101, 502));
    EXPECT_EQ(list().at(0).state, FlowState::replied);
    send(make(client, vip, kSyn | kAck, 101, 502));
    EXPECT_EQ(list().at(0).state, FlowState::replied);
    send(make(client, vip, kSyn, 101, 501));
    EXPECT_EQ(list().at(0).state, FlowState::replied) << "no ACK";
}

// A client that gave up and tries again, a backend that was restarted, a SYN cookie of the next
// key.
TEST_P(Handshake, TheLastAnswerToASynCounts) {
    const Endpoint backend = send(make(client, vip, kSyn, 100));
    run(make(backend, client, kSyn | kAck, 500, 101));
    send(make(client, vip, kSyn, 200));
    run(make(backend, client, kSyn | kAck, 900, 201));
    send(make(client, vip, kAck, 201, 501));
    EXPECT_EQ(list().at(0).state, FlowState::replied);
    send(make(client, vip, kAck, 201, 901));
    EXPECT_EQ(list().at(0).state, FlowState::established);
}

TEST_P(Handshake, AnAckBeforeTheAnswerDoesNotEstablish) {
    send(make(client, vip, kSyn, 100));
    send(make(client, vip, kAck, 101, 0));
    EXPECT_EQ(list().at(0).state, FlowState::fresh);
}

TEST_P(Handshake, AnAnswerEstablishesUdp) {
    const Endpoint backend = send(datagram(client, dns));
    send(datagram(client, dns));
    EXPECT_EQ(list().at(0).state, FlowState::fresh);
    run(datagram(backend, client));
    ASSERT_EQ(list().size(), 1U);
    EXPECT_EQ(list()[0].state, FlowState::established);
}

TEST_P(Handshake, AnAnswerEstablishesWhatWasPickedUpMidstream) {
    const Endpoint backend = send(make(client, vip, kAck | kPsh, 100, 900));
    run(make(backend, client, kAck, 900, 101));
    EXPECT_EQ(list().at(0).state, FlowState::established);
}

TEST_P(Handshake, ARefusalDoesNotEstablish) {
    const Endpoint backend = send(make(client, vip, kAck, 100, 900));
    run(make(backend, client, kRst, 900));
    EXPECT_EQ(list().at(0).state, FlowState::fresh);
}

// A forged RST or FIN, alone or around others, does not lift a flow out of the table of new ones.
TEST_P(Handshake, AFloodThatNobodyAnswersEvictsNoEstablishedFlow) {
    const Endpoint backend = connect(client, vip);
    for (std::uint16_t port = 1024; port < 6024; ++port)
        for (const std::uint8_t flags : {kRst, kAck, kFin, kRst})
            run(make({client.address, port}, vip, flags));
    EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow, WEIR_TRACE_ESTABLISHED);
    std::size_t established = 0;
    for (const Flow &flow : list())
        established += flow.state == FlowState::established || flow.state == FlowState::closing;
    EXPECT_EQ(established, 1U);
    EXPECT_EQ(run(make(backend, client, kAck, 501, 101)).trace.flow, WEIR_TRACE_REPLY);
}

// Only half-open flows share the table that a flood of openings fills.
TEST_P(Handshake, AFloodOfOpeningsEvictsNoEstablishedFlow) {
    const Endpoint backend = connect(client, vip);
    for (std::uint32_t i = 0; i < 5000; ++i)
        run(make({client.address, static_cast<std::uint16_t>(1024 + i)}, vip, kSyn));
    const Outcome outcome = run(make(client, vip, kAck, 101, 501));
    EXPECT_EQ(outcome.trace.flow, WEIR_TRACE_ESTABLISHED);
    EXPECT_EQ(read(outcome.frame)->destination.to_string(), backend.to_string());
    EXPECT_EQ(run(make(backend, client, kAck, 501, 101)).trace.flow, WEIR_TRACE_REPLY);
}

INSTANTIATE_TEST_SUITE_P(, Handshake, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
