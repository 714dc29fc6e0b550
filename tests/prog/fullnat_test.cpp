// fullnat: the client's address and port are translated as well.
#include "tests/prog/answers.h"
#include "tests/prog/flow_entries.h"
#include "tests/prog/flows.h"

#include <map>
#include <set>

namespace weir::test {
namespace {

using namespace std::chrono_literals;

constexpr const char *kFullnatConfig = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.11, port: 8080}]}
  - {name: dns, vip: 192.0.2.53, port: 53, protocol: udp, mode: fullnat,
     backends: [{address: 198.51.100.11, port: 53}]}
  - {name: other, vip: 192.0.2.20, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.12, port: 8080}]}
  - {name: web-6, vip: "2001:db8::c000:20a", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640b", port: 8080}]}
  - {name: dns-6, vip: "2001:db8::c000:235", port: 53, protocol: udp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640b", port: 53}]}
  - {name: other-6, vip: "2001:db8::c000:214", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640c", port: 8080}]}
  - {name: ftp, vip: 192.0.2.10, port: 21, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.11, port: 21}]}
  - {name: ftp-6, vip: "2001:db8::c000:20a", port: 21, protocol: tcp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640b", port: 21}]}
snat: {addresses: [198.51.100.1, "2001:db8::c633:6401"], ports: 20000-20099}
timeouts: {tcp_established: 2h4m, tcp_transitory: 4m, tcp_new: 30s, udp: 5m}
limits: {flows: 4096, new_flows: 4096, services: 16, backends: 16}
)";

class Fullnat : public Flows {
  protected:
    const char *config() const override { return kFullnatConfig; }

    void SetUp() override {
        Flows::SetUp();
        snat = at("198.51.100.1:0").address;
        backend = at("198.51.100.11:8080");
    }

    // A handshake of `from`; returns the address and port that the backend saw.
    Endpoint connect_as(const Endpoint &from, const Endpoint &to) {
        const Outcome outcome = run(make(from, to, kSyn, 100));
        EXPECT_EQ(to_string(outcome.verdict), "forward");
        EXPECT_EQ(checksum_fault(outcome.frame), "") << "I2";
        const auto out = read(outcome.frame);
        if (!out) {
            ADD_FAILURE() << hex(outcome.frame);
            return {};
        }
        const Segment reply = make(out->destination, out->source, kSyn | kAck, 500, 101);
        expect_sent(build(reply), build(as_sent(reply, to, from)));
        const Segment ack = make(from, to, kAck, 101, 501);
        expect_sent(build(ack), build(as_sent(ack, out->source, out->destination)));
        return out->source;
    }

    Endpoint numbered(std::uint16_t port) const { return {client.address, port}; }

    Address snat;
    Endpoint backend;
};

TEST_P(Fullnat, I3TheBackendSeesThePoolAndTheClientTheVip) {
    const Endpoint seen = connect_as(client, vip);
    EXPECT_EQ(seen.address.to_string(), snat.to_string());
    EXPECT_TRUE(path->config().snat.ports.contains(seen.port)) << seen.port;
    const auto flows = list();
    ASSERT_EQ(flows.size(), 1U);
    EXPECT_EQ(flows[0].state, FlowState::established);
    EXPECT_EQ(flows[0].client.to_string(), client.to_string());
    ASSERT_TRUE(flows[0].snat);
    EXPECT_EQ(flows[0].snat->to_string(), seen.to_string());
}

TEST_P(Fullnat, I3UdpToo) {
    const Segment query = datagram(client, dns);
    const auto out = read(run(query).frame);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->source.address.to_string(), snat.to_string());
    const Segment reply = datagram(out->destination, out->source);
    expect_sent(build(reply), build(as_sent(reply, dns, client)));
    expect_sent(build(query), build(as_sent(query, out->source, out->destination)));
}

TEST_P(Fullnat, I3RepliesOfThisHostAreTranslatedAtEgress) {
    const Endpoint seen = connect_as(client, vip);
    const Segment reply = make(backend, seen, kAck, 501, 101);
    Segment expected = reply;
    expected.source = vip;
    expected.destination = client;
    const Outcome outcome = path->run(Entry::tc_egress, build(reply));
    EXPECT_EQ(hex(outcome.frame), hex(build(expected)));
}

TEST_P(Fullnat, I4AHundredPortsAreAHundredFlowsAndTheNextIsRefused) {
    std::map<Endpoint, Endpoint> seen;  // by whom the backend sees
    for (std::uint16_t port = 30000; port < 30100; ++port) {
        const Endpoint source = connect_as(numbered(port), vip);
        EXPECT_TRUE(seen.emplace(source, numbered(port)).second) << source.to_string();
    }
    for (std::uint16_t port = 30100; port < 30110; ++port) {
        const Bytes syn = build(make(numbered(port), vip, kSyn));
        expect_sent(syn, answer_about(syn, Error::unreachable));
    }
    EXPECT_EQ(path->drops(WEIR_DROP_SNAT_EXHAUSTED), 10U);
    EXPECT_EQ(path->all_drops(), 10U) << "I6";
    for (const auto &[source, from] : seen) {
        const Segment data = make(from, vip, kAck | kPsh, 101, 501);
        expect_sent(build(data), build(as_sent(data, source, backend)));
        const Segment reply = make(backend, source, kAck, 501, 101);
        expect_sent(build(reply), build(as_sent(reply, vip, from)));
    }
    connect_as(numbered(30100), vip2);  // another backend
    EXPECT_TRUE(read(run(datagram(numbered(30100), dns)).frame)) << "another protocol";
    EXPECT_EQ(path->all_drops(), 10U);
}

TEST_P(Fullnat, ThePortsOfFlowsThatAreOverAreUsedAgain) {
    for (std::uint16_t port = 30000; port < 30100; ++port)
        connect_as(numbered(port), vip);
    run(make(numbered(30007), vip, kRst, 101));
    path->advance(2s);
    EXPECT_EQ(run(make(numbered(30200), vip, kSyn)).trace.reason, WEIR_DROP_SNAT_EXHAUSTED)
        << "its last packet may be on the way";
    path->advance(2200ms);
    connect_as(numbered(30200), vip);
    EXPECT_EQ(run(make(numbered(30201), vip, kSyn)).trace.reason, WEIR_DROP_SNAT_EXHAUSTED)
        << "the others live on";
    EXPECT_EQ(list().size(), 100U) << "the one that lost its port is gone";
    const auto flows = list();
    EXPECT_TRUE(std::none_of(flows.begin(), flows.end(),
                             [&](const Flow &flow) { return flow.client == numbered(30007); }));
    path->advance(2h + 4min);
    for (std::uint16_t port = 30300; port < 30400; ++port)
        connect_as(numbered(port), vip);
}

// The backend may be in TIME-WAIT, and would answer another client's SYN with an ACK.
TEST_P(Fullnat, ThePortOfAConnectionThatIsOverIsTheLastToBeUsedAgain) {
    std::set<Endpoint> over;
    for (std::uint16_t port = 30000; port < 30050; ++port) {
        over.insert(connect_as(numbered(port), vip));
        run(make(numbered(port), vip, kRst, 101));
    }
    EXPECT_EQ(over.size(), 50U);
    path->advance(1min);
    int again = 0;
    for (std::uint16_t port = 31000; port < 31020; ++port)
        again += over.count(connect_as(numbered(port), vip)) != 0 ? 1 : 0;
    EXPECT_LE(again, 1) << "of 20, while 30 are free at the end";
    for (std::uint16_t port = 31020; port < 31100; ++port)
        connect_as(numbered(port), vip);
    EXPECT_EQ(list().size(), 100U) << "clients that have lost their ports are gone";
    EXPECT_EQ(path->all_drops(), 0U);
}

TEST_P(Fullnat, HalfOpenFlowsGiveTheirPortsBackSooner) {
    for (std::uint16_t port = 30000; port < 30100; ++port)
        send(make(numbered(port), vip, kSyn));
    EXPECT_EQ(run(make(client, vip, kSyn)).trace.reason, WEIR_DROP_SNAT_EXHAUSTED);
    path->advance(30s);
    connect_as(client, vip);
}

TEST_P(Fullnat, AConnectionThatStartsOverMayGetAnotherPort) {
    connect_as(client, vip);
    run(make(client, vip, kRst, 101));
    connect_as(client, vip);
    EXPECT_EQ(list().size(), 1U);
    path->advance(4s);
    for (std::uint16_t port = 30000; port < 30099; ++port)
        connect_as(numbered(port), vip);
    EXPECT_EQ(path->all_drops(), 0U) << "the first port was given back";
}

TEST_P(Fullnat, ABackendThatIsAClientIsSeenAsThePoolToo) {
    const Endpoint from = at("198.51.100.11:45000");
    EXPECT_EQ(connect_as(from, vip).address.to_string(), snat.to_string()) << "by itself";
    EXPECT_EQ(connect_as(from, vip2).address.to_string(), snat.to_string()) << "by another";
}

// The stack would cut it up, but takes no packet from outside with an address of this host.
TEST_P(Fullnat, APacketThatMayBeFragmentedIsToldTheMtuAllTheSame) {
    const Endpoint seen = connect_as(client, vip);
    set_mtu(*path, family() == Family::v4, 1000);
    Segment segment = make(client, vip, kAck, 101, 501);
    segment.payload.assign(1200, 1);
    const auto answer = read_icmp(run(segment).frame);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->type, error_about(build(segment), Error::too_big).type);
    EXPECT_EQ(answer->rest, 1000U);
    EXPECT_EQ(path->drops(WEIR_DROP_TOO_BIG), 1U);
    if (family() == Family::v6)
        return;
    Segment reply = make(backend, seen, kAck, 501, 101);  // to this host: the VIP is the source
    reply.payload = segment.payload;
    EXPECT_EQ(to_string(run(reply).verdict), "pass");
    EXPECT_EQ(path->all_drops(), 1U);
}

// No ALG: addresses in the payload are the programs' affair.
TEST_P(Fullnat, AnFtpControlConnectionKeepsItsPayload) {
    const Endpoint ftp = at("192.0.2.10:21");
    const Endpoint server = at("198.51.100.11:21");
    const Endpoint seen = connect_as(client, ftp);
    const auto payload = [](std::string_view text) { return Bytes(text.begin(), text.end()); };
    Segment command = make(client, ftp, kAck | kPsh, 101, 501);
    for (const char *text :
         {"PORT 203,0,113,5,156,64\r\n", "EPRT |2|2001:db8::cb00:7105|40000|\r\n"}) {
        command.payload = payload(text);
        expect_sent(build(command), build(as_sent(command, seen, server)));
    }
    Segment answer = make(server, seen, kAck | kPsh, 501, 101);
    answer.payload = payload("227 Entering Passive Mode (198,51,100,11,156,64)\r\n");
    expect_sent(build(answer), build(as_sent(answer, ftp, client)));
}

TEST_P(Fullnat, I1WhatIsNoFlowsIsLeftAlone) {
    const Endpoint seen = connect_as(client, vip);
    const Endpoint free{snat, static_cast<std::uint16_t>(seen.port == 20000 ? 20001 : 20000)};
    for (const Segment &other :
         {make(backend, free, kAck), make(at("198.51.100.12:8080"), seen, kAck),
          datagram(backend, seen), make(backend, client, kAck), make(client, seen, kSyn)})
        expect_untouched(entry(), build(other));
}

INSTANTIATE_TEST_SUITE_P(, Fullnat, every_hook_and_family(), flow_test_name);

constexpr const char *kPoolConfig = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.11, port: 8080}]}
  - {name: two, vip: 192.0.2.20, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.12, port: 8080}, {address: 198.51.100.13, port: 8080}]}
  - {name: web-6, vip: "2001:db8::c000:20a", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640b", port: 8080}]}
  - {name: two-6, vip: "2001:db8::c000:214", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640c", port: 8080}, {address: "2001:db8::c633:640d", port: 8080}]}
snat: {addresses: [198.51.100.1, 198.51.100.2, "2001:db8::c633:6401", 198.51.100.3,
                   "2001:db8::c633:6402", "2001:db8::c633:6403"], ports: 20000-20009}
limits: {flows: 4096, new_flows: 4096, services: 16, backends: 16}
)";

class FullnatPool : public Flows {
  protected:
    const char *config() const override { return kPoolConfig; }
};

TEST_P(FullnatPool, I4IsUsedToItsLastAddressAndPort) {
    std::set<Endpoint> seen;
    std::map<Address, int> per_address;
    for (std::uint16_t port = 30000; port < 30030; ++port) {
        const auto out = read(run(make({client.address, port}, vip, kSyn)).frame);
        ASSERT_TRUE(out);
        seen.insert(out->source);
        ++per_address[out->source.address];
    }
    EXPECT_EQ(seen.size(), 30U);
    EXPECT_EQ(per_address, (std::map<Address, int>{{at("198.51.100.1:0").address, 10},
                                                   {at("198.51.100.2:0").address, 10},
                                                   {at("198.51.100.3:0").address, 10}}));
    EXPECT_EQ(run(make(client, vip, kSyn)).trace.reason, WEIR_DROP_SNAT_EXHAUSTED);
}

TEST_P(FullnatPool, TheOtherBackendServesWhenOneHasNoPortLeft) {
    std::map<Endpoint, int> served;
    for (std::uint16_t port = 30000; port < 30060; ++port)
        ++served[send(make({client.address, port}, vip2, kSyn))];
    EXPECT_EQ(served, (std::map<Endpoint, int>{{at("198.51.100.12:8080"), 30},
                                               {at("198.51.100.13:8080"), 30}}));
    EXPECT_EQ(path->all_drops(), 0U);
    EXPECT_EQ(run(make(client, vip2, kSyn)).trace.reason, WEIR_DROP_SNAT_EXHAUSTED);
}

// What the first backend still sends is for its client, and for nobody who comes later.
TEST_P(FullnatPool, AConnectionThatStartsOverElsewhereKeepsItsFirstPort) {
    const auto first = read(run(make(client, vip2, kSyn, 100)).frame);
    ASSERT_TRUE(first);
    const Endpoint backend = first->destination;
    run(make(backend, first->source, kSyn | kAck, 500, 101));
    run(make(client, vip2, kAck, 101, 501));
    run(make(client, vip2, kRst, 101, 501));
    const auto *name = family() == Family::v4 ? "two" : "two-6";
    path->set_conditions({{{name, backend}, {BackendState::draining, 0, 100, OnDown::keep}}});
    EXPECT_NE(send(make(client, vip2, kSyn, 900)), backend);
    path->set_conditions({});
    for (int i = 0; i < 3; ++i) {
        const Segment late = make(backend, first->source, kFin | kAck, 501, 101);
        expect_sent(build(late), build(as_sent(late, vip2, client)));
        path->advance(1500ms);
    }
    std::set<Endpoint> seen;
    for (std::uint16_t port = 30000; seen.size() < 29; ++port)
        if (const auto out = read(run(make({client.address, port}, vip2, kSyn)).frame);
            out && out->destination == backend)
            seen.insert(out->source);
    EXPECT_EQ(seen.count(first->source), 0U);
    EXPECT_EQ(path->all_drops(), 0U);
}

INSTANTIATE_TEST_SUITE_P(, FullnatPool, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
