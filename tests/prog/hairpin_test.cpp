// Backends that are clients: what they send to a VIP comes from the VIP, so that the answer comes
// back here.
#include "tests/prog/errors.h"
#include "tests/prog/flows.h"

#include <set>

namespace weir::test {
namespace {

class Hairpin : public Flows {
  protected:
    // A whole exchange of `from`, a backend, with the VIP; returns the backend that it met.
    Endpoint expect_exchange(const Endpoint &from) {
        Segment syn = make(from, vip, kSyn, 100);
        syn.payload = {1, 2, 3};
        const Outcome outcome = run(syn);
        EXPECT_EQ(to_string(outcome.verdict), "forward");
        EXPECT_EQ(checksum_fault(outcome.frame), "") << "I2";
        const auto out = read(outcome.frame);
        if (!out)
            return {};
        EXPECT_EQ(out->source.address.to_string(), vip.address.to_string());
        EXPECT_TRUE(path->config().snat.ports.contains(out->source.port)) << out->source.port;
        EXPECT_EQ(hex(outcome.frame), hex(build(as_sent(syn, out->source, out->destination))));
        EXPECT_TRUE(claimed_.insert({out->source, out->destination}).second)
            << "I4: " << out->source.to_string();

        Segment reply = make(out->destination, out->source, kSyn | kAck, 500, 101);
        reply.payload = {9};
        expect_sent(build(reply), build(as_sent(reply, vip, from)));
        const Segment ack = make(from, vip, kAck, 101, 501);
        expect_sent(build(ack), build(as_sent(ack, out->source, out->destination)));
        return out->destination;
    }

    // Errors about `seen`, from the host that it was for and from a router, reach who sent it as
    // errors about `meant`.
    void expect_errors(const Segment &seen, const Segment &meant) {
        const Address router = at("203.0.113.254:0").address;
        for (const Error kind : kErrors)
            for (const Address *from : {static_cast<const Address *>(nullptr), &router}) {
                const auto error = translated_error(build(seen), build(meant), kind, from);
                expect_sent(build(error.in), build(error.out));
            }
    }

    std::set<std::pair<Endpoint, Endpoint>> claimed_;
};

TEST_P(Hairpin, I3ABackendReachesTheVipEvenToMeetItself) {
    std::set<Endpoint> met;
    for (std::uint16_t port = 45000; port < 45020; ++port)
        for (const char *one : {"198.51.100.11:0", "198.51.100.12:0"})
            met.insert(expect_exchange({at(one).address, port}));
    EXPECT_EQ(met, (std::set<Endpoint>{at("198.51.100.11:8080"), at("198.51.100.12:8080")}));
    const auto flows = list();
    EXPECT_EQ(flows.size(), 40U);
    for (const Flow &flow : flows) {
        EXPECT_EQ(flow.state, FlowState::established);
        ASSERT_TRUE(flow.snat);
        EXPECT_EQ(flow.snat->address.to_string(), vip.address.to_string());
    }
    EXPECT_EQ(path->all_drops(), 0U);
}

TEST_P(Hairpin, I3UdpToo) {
    const Endpoint from = at("198.51.100.12:45000");
    const Segment query = datagram(from, dns);
    const auto out = read(run(query).frame);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->source.address.to_string(), dns.address.to_string());
    const Segment reply = datagram(out->destination, out->source);
    expect_sent(build(reply), build(as_sent(reply, dns, from)));
}

// Both ends are backends, and neither knows of the other (RFC 5508, 4.4).
TEST_P(Hairpin, I2ErrorsReachBothEnds) {
    std::set<Endpoint> met;
    for (std::uint16_t port = 45000; port < 45010; ++port)
        for (const bool udp : {false, true}) {
            const Endpoint from{at("198.51.100.12:0").address, port};
            const Segment sent = udp ? datagram(from, dns) : make(from, vip, kSyn, 100);
            const auto out = read(run(sent).frame);
            ASSERT_TRUE(out);
            Segment got = sent;
            got.source = out->source;
            got.destination = out->destination;
            expect_errors(got, sent);
            Segment answer = sent;
            answer.source = out->destination;
            answer.destination = out->source;
            Segment answered = sent;
            std::swap(answered.source, answered.destination);
            expect_errors(answered, answer);
            met.insert(out->destination);
        }
    EXPECT_EQ(met.size(), 3U) << "itself, and the other";
    EXPECT_EQ(path->icmp(WEIR_ICMP_TRANSLATED), kErrors.size() * 20 * 2 * 2);
}

TEST_P(Hairpin, OtherClientsKeepTheirAddress) {
    const Segment syn = make(client, vip, kSyn);
    const auto out = read(run(syn).frame);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->source.to_string(), client.to_string());
    EXPECT_FALSE(list().at(0).snat);
}

// What a backend sends to another as itself, and not through the VIP, is no flow's.
TEST_P(Hairpin, I1BackendsAmongThemselvesAreLeftAlone) {
    expect_exchange(at("198.51.100.11:45000"));
    expect_untouched(entry(),
                     build(make(at("198.51.100.12:8080"), at("198.51.100.11:45000"), kAck)));
    expect_untouched(entry(),
                     build(make(at("198.51.100.11:45000"), at("198.51.100.12:8080"), kAck)));
}

INSTANTIATE_TEST_SUITE_P(, Hairpin, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
