// Flows over several packets: translation both ways, promotion, timeouts, and who may claim what.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/support/program.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

constexpr const char *kConfig = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.11, port: 8080}, {address: 198.51.100.12, port: 8080}]}
  - {name: web2, vip: 192.0.2.20, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.11, port: 8080}]}
  - {name: dns, vip: 192.0.2.53, port: 53, protocol: udp,
     backends: [{address: 198.51.100.12, port: 53}]}
  - {name: web-6, vip: "2001:db8::c000:20a", port: 80, protocol: tcp,
     backends: [{address: "2001:db8::c633:640b", port: 8080}, {address: "2001:db8::c633:640c", port: 8080}]}
  - {name: web2-6, vip: "2001:db8::c000:214", port: 80, protocol: tcp,
     backends: [{address: "2001:db8::c633:640b", port: 8080}]}
  - {name: dns-6, vip: "2001:db8::c000:235", port: 53, protocol: udp,
     backends: [{address: "2001:db8::c633:640c", port: 53}]}
timeouts: {tcp_established: 2h4m, tcp_transitory: 4m, tcp_new: 30s, udp: 5m}
limits: {flows: 1024, new_flows: 64, services: 16, backends: 16}
)";

enum class Family { v4, v6 };

// The configuration has every service twice: a.b.c.d is 2001:db8::a.b.c.d in the other family.
Endpoint in_family(Family family, const char *text) {
    Endpoint endpoint = *Endpoint::parse(text);
    if (family == Family::v4)
        return endpoint;
    std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    std::copy_n(endpoint.address.bytes().begin() + 12, 4, bytes.begin() + 12);
    return {Address(bytes), endpoint.port};
}

Segment make(const Endpoint &source, const Endpoint &destination, std::uint8_t flags,
             std::uint32_t seq = 0, std::uint32_t ack = 0) {
    Segment segment;
    segment.source = source;
    segment.destination = destination;
    segment.tcp_flags = flags;
    segment.seq = seq;
    segment.ack = ack;
    return segment;
}

Segment datagram(const Endpoint &source, const Endpoint &destination) {
    Segment segment = make(source, destination, kSyn);
    segment.protocol = Protocol::udp;
    segment.payload = {'h', 'i'};
    return segment;
}

class Flows : public testing::TestWithParam<std::tuple<Entry, Family>> {
  protected:
    void SetUp() override {
        if (const std::string why = why_not_runnable(); !why.empty())
            GTEST_SKIP() << why;
        path = std::make_unique<DataPath>(kConfig);
        client = at("203.0.113.5:40000");
        vip = at("192.0.2.10:80");
        vip2 = at("192.0.2.20:80");
        dns = at("192.0.2.53:53");
        first_service = std::get<1>(GetParam()) == Family::v4 ? 0 : 3;
    }

    static Entry entry() { return std::get<0>(GetParam()); }
    static Endpoint at(const char *text) { return in_family(std::get<1>(GetParam()), text); }

    Outcome run(const Segment &segment) { return path->run(entry(), build(segment)); }

    // Sends a client's packet and returns the backend it went to.
    Endpoint send(const Segment &segment) {
        const Outcome outcome = run(segment);
        EXPECT_EQ(to_string(outcome.verdict), "forward");
        const auto out = read(outcome.frame);
        return out ? out->destination : Endpoint{};
    }

    // A whole handshake; returns the backend.
    Endpoint connect(const Endpoint &from, const Endpoint &to) {
        const Endpoint backend = send(make(from, to, kSyn, 100));
        run(make(backend, from, kSyn | kAck, 500, 101));
        send(make(from, to, kAck, 101, 501));
        return backend;
    }

    std::vector<Flow> list() {
        std::vector<Flow> flows;
        const auto done = path->tables().for_each_flow([&flows](const Flow &flow) {
            flows.push_back(flow);
            return true;
        });
        EXPECT_TRUE(done) << done.error().message;
        return flows;
    }

    std::unique_ptr<DataPath> path;
    Endpoint client;
    Endpoint vip;
    Endpoint vip2;
    Endpoint dns;
    std::size_t first_service = 0;  // the index of `web` in this family
};

TEST_P(Flows, I3RepliesAreTheInverse) {
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

TEST_P(Flows, EgressTranslatesRepliesOfTheHost) {
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

TEST_P(Flows, I1EgressLeavesEverythingElseAlone) {
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

TEST_P(Flows, StayOnTheirBackend) {
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

TEST_P(Flows, AHandshakeEstablishes) {
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

TEST_P(Flows, AnAckOfAnotherSequenceDoesNotEstablish) {
    const Endpoint backend = send(make(client, vip, kSyn, 100));
    run(make(backend, client, kSyn | kAck, 500, 101));
    send(make(client, vip, kAck, 101, 502));
    EXPECT_EQ(list().at(0).state, FlowState::replied);
    send(make(client, vip, kSyn | kAck, 101, 501));
    EXPECT_EQ(list().at(0).state, FlowState::replied);
}

TEST_P(Flows, AnAckBeforeTheAnswerDoesNotEstablish) {
    send(make(client, vip, kSyn, 100));
    send(make(client, vip, kAck, 101, 0));
    EXPECT_EQ(list().at(0).state, FlowState::fresh);
}

TEST_P(Flows, AnAnswerEstablishesUdp) {
    const Endpoint backend = send(datagram(client, dns));
    send(datagram(client, dns));
    EXPECT_EQ(list().at(0).state, FlowState::fresh);
    run(datagram(backend, client));
    ASSERT_EQ(list().size(), 1U);
    EXPECT_EQ(list()[0].state, FlowState::established);
}

TEST_P(Flows, AnAnswerEstablishesWhatWasPickedUpMidstream) {
    const Endpoint backend = send(make(client, vip, kAck | kPsh, 100, 900));
    run(make(backend, client, kAck, 900, 101));
    EXPECT_EQ(list().at(0).state, FlowState::established);
}

TEST_P(Flows, ARefusalDoesNotEstablish) {
    const Endpoint backend = send(make(client, vip, kAck, 100, 900));
    run(make(backend, client, kRst, 900));
    EXPECT_EQ(list().at(0).state, FlowState::fresh);
}

// A forged RST or FIN, alone or around others, does not lift a flow out of the table of new ones.
TEST_P(Flows, AFloodThatNobodyAnswersEvictsNoEstablishedFlow) {
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
TEST_P(Flows, AFloodOfOpeningsEvictsNoEstablishedFlow) {
    const Endpoint backend = connect(client, vip);
    for (std::uint32_t i = 0; i < 5000; ++i)
        run(make({client.address, static_cast<std::uint16_t>(1024 + i)}, vip, kSyn));
    const Outcome outcome = run(make(client, vip, kAck, 101, 501));
    EXPECT_EQ(outcome.trace.flow, WEIR_TRACE_ESTABLISHED);
    EXPECT_EQ(read(outcome.frame)->destination.to_string(), backend.to_string());
    EXPECT_EQ(run(make(backend, client, kAck, 501, 101)).trace.flow, WEIR_TRACE_REPLY);
}

TEST_P(Flows, EndAfterTheirTimeout) {
    connect(client, vip);
    path->advance(2h + 4min - 2s);
    EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow, WEIR_TRACE_ESTABLISHED);
    path->advance(2h + 4min + 1s);
    EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow, WEIR_TRACE_NEW);
}

TEST_P(Flows, HalfOpenOnesEndSooner) {
    const Endpoint backend = send(make(client, vip, kSyn));
    path->advance(31s);
    const Bytes late = build(make(backend, client, kSyn | kAck, 500, 101));
    const Outcome outcome = path->run(entry(), late);
    EXPECT_EQ(to_string(outcome.verdict), "pass") << "no flow, and no service of that address";
    EXPECT_EQ(hex(outcome.frame), hex(late));
}

TEST_P(Flows, ClosingOnesEndSooner) {
    connect(client, vip);
    run(make(client, vip, kFin | kAck, 101, 501));
    path->advance(4min - 2s);
    EXPECT_EQ(run(make(client, vip, kAck, 102, 501)).trace.flow, WEIR_TRACE_ESTABLISHED);
    path->advance(4min + 1s);
    EXPECT_EQ(run(make(client, vip, kAck, 102, 501)).trace.flow, WEIR_TRACE_NEW);
}

TEST_P(Flows, OneDirectionKeepsTheOtherAlive) {
    const Endpoint backend = send(datagram(client, dns));
    run(datagram(backend, client));
    for (int i = 0; i < 10; ++i) {
        path->advance(4min);
        EXPECT_EQ(run(datagram(client, dns)).trace.flow, WEIR_TRACE_ESTABLISHED);
    }
    EXPECT_EQ(run(datagram(backend, client)).trace.flow, WEIR_TRACE_REPLY)
        << "the backend was silent for 40 minutes, the client was not";
}

TEST_P(Flows, ASynAfterTheEndStartsOver) {
    connect(client, vip);
    run(make(client, vip, kRst, 101));
    EXPECT_EQ(run(make(client, vip, kSyn, 7000)).trace.flow, WEIR_TRACE_NEW);
    EXPECT_EQ(path->service(first_service).new_flows, 2U);
    EXPECT_EQ(list().size(), 1U);
}

// I4: two VIPs share a backend, and one client uses one port for both.
TEST_P(Flows, I4AReplyTupleHasOneOwner) {
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

TEST_P(Flows, AnExpiredOwnerGivesItsTupleUp) {
    send(make(client, vip2, kSyn));
    path->advance(31s);
    EXPECT_EQ(run(make(client, vip, kSyn)).trace.flow, WEIR_TRACE_NEW);
    EXPECT_EQ(path->drops(WEIR_DROP_TUPLE_IN_USE), 0U);
}

TEST_P(Flows, AreCountedPerServiceAndBackend) {
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

INSTANTIATE_TEST_SUITE_P(, Flows,
                         testing::Combine(testing::Values(Entry::xdp_ingress, Entry::tc_ingress),
                                          testing::Values(Family::v4, Family::v6)),
                         [](const auto &test) {
                             return to_string(std::get<0>(test.param)) +
                                    (std::get<1>(test.param) == Family::v4 ? "V4" : "V6");
                         });

}  // namespace
}  // namespace weir::test
