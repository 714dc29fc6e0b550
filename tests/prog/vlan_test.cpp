// VLAN tags that stand in the frame: kept, whatever becomes of it.
#include "tests/prog/answers.h"
#include "tests/prog/flows.h"
#include "tests/support/fragments.h"

namespace weir::test {
namespace {

const std::vector<std::vector<Tag>> kTaggings{
    {{0x8100, 100}},
    {{0x88a8, 0x6fff}},
    {{0x8100, 0xa064}, {0x8100, 1}},
    {{0x88a8, 200}, {0x8100, 0xf064}},
};

class VlanTags : public Flows {
  protected:
    template <typename Packet>
    static Packet tagged(Packet packet, const std::vector<Tag> &tags) {
        packet.tags = tags;
        return packet;
    }
};

TEST_P(VlanTags, I2AreKeptBothWays) {
    for (const auto &tags : kTaggings) {
        client.port++;
        const Segment syn = tagged(make(client, vip, kSyn, 100), tags);
        const Outcome outcome = run(syn);
        const auto out = read(outcome.frame);
        ASSERT_TRUE(out);
        EXPECT_EQ(to_string(outcome.verdict), "forward");
        EXPECT_EQ(hex(outcome.frame), hex(build(as_sent(syn, client, out->destination))));
        const Segment reply = tagged(make(out->destination, client, kSyn | kAck, 500, 101), tags);
        expect_sent(build(reply), build(as_sent(reply, vip, client)));
        Segment query = tagged(datagram(client, dns), tags);
        query.ip_options.assign(family() == Family::v4 ? 40 : 0, 1);
        query.padding = 3;
        expect_sent(build(query), build(as_sent(query, client, at("198.51.100.12:53"))));
    }
}

TEST_P(VlanTags, AreKeptAtEgress) {
    send(datagram(client, dns));
    for (const auto &tags : kTaggings) {
        const Segment reply = tagged(datagram(at("198.51.100.12:53"), client), tags);
        Segment expected = reply;
        expected.source = dns;
        const Outcome outcome = path->run(Entry::tc_egress, build(reply));
        EXPECT_EQ(to_string(outcome.verdict), "pass");
        EXPECT_EQ(hex(outcome.frame), hex(build(expected)));
    }
}

TEST_P(VlanTags, AreKeptByFragments) {
    Segment query = datagram(client, dns);
    query.payload.assign(200, 9);
    query.id = 7;
    for (const auto &tags : kTaggings) {
        const auto parts = fragment(build(tagged(query, tags)), {96}, 7);
        const Segment sent = as_sent(tagged(query, tags), client, at("198.51.100.12:53"));
        const auto expected = fragment(build(sent), {96}, 7);
        for (const std::size_t i : {0U, 1U})
            expect_sent(parts[i], expected[i]);
    }
}

TEST_P(VlanTags, AreKeptByAnEchoReply) {
    for (const auto &tags : kTaggings) {
        const Icmp echo = tagged(echo_request(client.address, vip.address), tags);
        Icmp reply = echo;
        std::swap(reply.source, reply.destination);
        std::swap(reply.source_mac, reply.destination_mac);
        reply.type = family() == Family::v4 ? 0 : 129;
        expect_sent(build(echo), build(reply));
    }
}

TEST_P(VlanTags, AreKeptByErrorsThatAreTranslated) {
    const Endpoint backend = connect(client, vip);
    for (const auto &tags : kTaggings) {
        const Icmp error =
            tagged(error_about(build(make(client, backend, kAck)), Error::too_big), tags);
        Icmp expected = error;
        expected.source = vip.address;
        expected.body = error_about(build(make(client, vip, kAck)), Error::too_big).body;
        expected.source_mac = ReplayConfig{}.mac;
        expected.destination_mac = hop_mac(client.address);
        expected.ttl--;
        expect_sent(build(error), build(expected));
    }
}

TEST_P(VlanTags, AreKeptByErrorsAboutDrops) {
    for (const auto &tags : kTaggings) {
        Segment syn = tagged(make(client, idle, kSyn), tags);
        for (const std::size_t size : {0U, 1U, 600U}) {
            syn.payload.assign(size, 1);
            const std::uint64_t sent = path->icmp(WEIR_ICMP_SENT);
            expect_sent(build(syn), answer_about(build(syn), Error::unreachable));
            EXPECT_EQ(path->icmp(WEIR_ICMP_SENT), sent + 1);
        }
    }
}

TEST_P(VlanTags, I1OfOtherKindsOrInGreaterNumberAreLeftAlone) {
    const Tag tag{0x8100, 1};
    for (const auto &tags : {std::vector<Tag>{tag, tag, tag}, {{0x9100, 1}}, {tag, {0x9100, 1}}})
        expect_untouched(entry(), build(tagged(make(client, vip, kSyn), tags)));
    for (const auto &tags : kTaggings) {
        expect_untouched(entry(), build(tagged(make(client, at("192.0.2.10:81"), kSyn), tags)));
        expect_untouched(
            entry(), build(tagged(echo_request(client.address, at("192.0.2.11:0").address), tags)));
    }
    EXPECT_EQ(path->all_drops(), 0U);
}

INSTANTIATE_TEST_SUITE_P(, VlanTags, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
