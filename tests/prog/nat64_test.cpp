// A VIP of one family and backends of the other (RFC 7915). In the tests' names, V4 and V6 are the
// client's.
#include <array>
#include <map>
#include <set>

#include "tests/prog/answers.h"
#include "tests/prog/flow_entries.h"
#include "tests/prog/flows.h"
#include "tests/prog/translation.h"
#include "tests/support/fragments.h"

namespace weir::test {
namespace {

constexpr const char *kNat64Config = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640b", port: 8080}]}
  - {name: dns, vip: 192.0.2.53, port: 53, protocol: udp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640b", port: 53}]}
  - {name: web-6, vip: "2001:db8::c000:20a", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.11, port: 8080}]}
  - {name: dns-6, vip: "2001:db8::c000:235", port: 53, protocol: udp, mode: fullnat,
     backends: [{address: 198.51.100.11, port: 53}]}
  - {name: same, vip: 192.0.2.11, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.11, port: 8080}]}
  - {name: same-6, vip: "2001:db8::c000:20b", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640b", port: 8080}]}
  - {name: both, vip: 192.0.2.12, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.11, port: 8080}, {address: "2001:db8::c633:640b", port: 8080}]}
  - {name: both-6, vip: "2001:db8::c000:20c", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.11, port: 8080}, {address: "2001:db8::c633:640b", port: 8080}]}
snat: {addresses: [198.51.100.1, "2001:db8::c633:6401"], ports: 20000-20099}
limits: {flows: 4096, new_flows: 4096, services: 16, backends: 16}
)";

class Nat64 : public Flows {
  protected:
    const char *config() const override { return kNat64Config; }

    static Family other() { return family() == Family::v4 ? Family::v6 : Family::v4; }

    // Both directions of a flow are known once its first packet was seen; returns who the backend
    // sees.
    Tuple open(const Segment &first) {
        const Outcome outcome = run(first);
        EXPECT_EQ(to_string(outcome.verdict), "forward");
        const auto out = read(outcome.frame);
        if (!out)
            return {};
        EXPECT_EQ(out->source.address.to_string(),
                  in_family(other(), "198.51.100.1:0").address.to_string());
        EXPECT_EQ(out->destination.address.to_string(),
                  in_family(other(), "198.51.100.11:0").address.to_string());
        return tuple_of(*out);
    }

    void expect_translated(const Segment &segment, const Tuple &to) {
        expect_sent(build(segment), build(translated(segment, to)));
    }

    // I6, and nobody is told: there is no ICMP for what cannot be said in the other family.
    void expect_not_translatable(const Bytes &frame) {
        const std::uint64_t before = path->drops(WEIR_DROP_NOT_TRANSLATABLE);
        const std::uint64_t all = path->all_drops();
        EXPECT_EQ(to_string(path->run(entry(), frame).verdict), "drop");
        EXPECT_EQ(path->drops(WEIR_DROP_NOT_TRANSLATABLE), before + 1);
        EXPECT_EQ(path->all_drops(), all + 1);
        EXPECT_EQ(path->icmp(WEIR_ICMP_SENT), 0U);
    }
};

TEST_P(Nat64, I3TcpBothWays) {
    Segment syn = make(client, vip, kSyn, 100);
    const Tuple to = open(syn);
    for (const std::size_t size : {0U, 1U, 2U, 500U, 1200U}) {
        syn.payload.assign(size, 0x5a);
        syn.tos = static_cast<std::uint8_t>(size);
        expect_translated(syn, to);
        Segment reply = make(to.destination, to.source, kSyn | kAck, 500, 101);
        reply.payload.assign(size, 0xa5);
        reply.tos = 0xb8;
        expect_translated(reply, {vip, client, Protocol::tcp});
    }
    run(make(client, vip, kAck, 101, 501));
    ASSERT_EQ(list().size(), 1U);
    EXPECT_EQ(list()[0].state, FlowState::established);
    EXPECT_EQ(list()[0].backend.to_string(), to.destination.to_string());
}

TEST_P(Nat64, I3UdpBothWays) {
    Segment query = datagram(client, dns);
    const Tuple to = open(query);
    query.payload.assign(333, 7);
    query.padding = 5;
    expect_translated(query, to);
    const Segment reply = datagram(to.destination, to.source);
    expect_translated(reply, {dns, client, Protocol::udp});
}

TEST_P(Nat64, OptionsAndExtensionHeadersAreLeftBehind) {
    Segment query = datagram(client, dns);
    const Tuple to = open(query);
    if (family() == Family::v4) {
        for (const std::size_t size : {4U, 20U, 40U}) {
            query.ip_options.assign(size, 1);
            expect_translated(query, to);
        }
        return;
    }
    const Extension options{60, {0, 0, 1, 4, 0, 0, 0, 0}};
    const Extension atomic{44, {0, 0, 0, 0, 1, 2, 3, 4}};
    for (const auto &extensions :
         {std::vector<Extension>{options}, {atomic}, {options, options, atomic, options}}) {
        query.extensions = extensions;
        expect_translated(query, to);
    }
}

// RFC 7915, 5.1: up to 1260 bytes an IPv4 packet may be fragmented on its way, and has an id.
TEST_P(Nat64, LongIpv4PacketsMustNotBeFragmented) {
    const bool from_client = family() == Family::v6;
    const Tuple to = open(datagram(client, dns));
    Segment segment = from_client ? datagram(client, dns) : datagram(to.destination, to.source);
    for (const std::size_t length : {1260U, 1261U}) {
        segment.payload.assign(length - 28, 1);
        const Bytes frame = run(segment).frame;
        EXPECT_EQ(packet_of(frame).size(), length);
        EXPECT_EQ(get16(frame, l3_offset(frame) + 6), length > 1260 ? 0x4000 : 0);
        EXPECT_EQ(checksum_fault(frame), "") << "I2";
    }
}

// IPv6 has no UDP without checksum, and the sum over the payload is not known here.
TEST_P(Nat64, UdpWithoutChecksumOverIpv4IsNotTranslated) {
    const Tuple to = open(datagram(client, dns));
    Segment query = datagram(client, dns);
    Segment reply = datagram(to.destination, to.source);
    query.udp_checksum = reply.udp_checksum = false;
    const bool client_v4 = family() == Family::v4;
    expect_not_translatable(build(client_v4 ? query : reply));
    if (client_v4)
        expect_translated(reply, {dns, client, Protocol::udp});
    else
        expect_translated(query, to);
}

TEST_P(Nat64, FragmentsAreNotTranslated) {
    Segment query = datagram(client, dns);
    query.payload.assign(200, 1);
    for (const Bytes &part : fragment(build(query), {96}, 7))
        expect_not_translatable(part);
    const Tuple to = open(query);
    Segment reply = datagram(to.destination, to.source);
    reply.payload.assign(200, 1);
    for (const Bytes &part : fragment(build(reply), {96}, 7))
        expect_not_translatable(part);
}

TEST_P(Nat64, ErrorsOfTheOtherFamilyAreNotTranslated) {
    const Tuple to = open(make(client, vip, kSyn, 100));
    const Segment seen = make(to.source, to.destination, kSyn, 100);
    expect_not_translatable(build(error_about(build(seen), Error::unreachable)));
    expect_not_translatable(
        build(error_about(build(make(vip, client, kAck)), Error::time_exceeded)));
}

TEST_P(Nat64, TheEndOfTheTtlIsTimeExceeded) {
    const Tuple to = open(make(client, vip, kSyn, 100));
    Segment segment = make(client, vip, kAck, 101);
    segment.ttl = 1;
    expect_sent(build(segment), answer_about(build(segment), Error::time_exceeded));
    Segment reply = make(to.destination, to.source, kAck, 501);
    reply.ttl = 1;
    expect_sent(build(reply), answer_about(build(reply), Error::time_exceeded));
    EXPECT_EQ(path->drops(WEIR_DROP_TTL_EXPIRED), 2U);
    segment.ttl = 2;
    expect_translated(segment, to);
}

// The IPv6 header is 20 bytes longer, of which the sender is told.
TEST_P(Nat64, APacketThatWillBeTooLongIsToldTheMtuOfItsOwnFamily) {
    const Tuple to = open(make(client, vip, kSyn, 100));
    run(make(to.destination, to.source, kSyn | kAck, 500, 101));
    run(make(client, vip, kAck, 101, 501));
    const bool v4 = family() == Family::v4;
    set_mtu(*path, false, 1300);  // of either client the flow is in the tables of IPv6
    const std::size_t longest = v4 ? 1280 : 1320;
    Segment segment = make(client, vip, kAck, 101, 501);
    segment.payload.assign(longest - (v4 ? 40 : 60), 1);
    expect_translated(segment, to);
    segment.payload.push_back(1);
    for (const std::uint16_t flags : {std::uint16_t{0}, std::uint16_t{0x4000}}) {
        segment.fragment = flags;
        const auto answer = read_icmp(run(segment).frame);
        ASSERT_TRUE(answer);
        const Icmp plain = error_about(build(segment), Error::too_big, kCarried);
        EXPECT_EQ(answer->type, plain.type);
        EXPECT_EQ(answer->code, plain.code);
        EXPECT_EQ(answer->rest, longest);
        EXPECT_EQ(answer->source.to_string(), vip.address.to_string());
    }
    EXPECT_EQ(path->drops(WEIR_DROP_TOO_BIG), 2U);
}

TEST_P(Nat64, I3ProgramsOfThisHostReachTheVip) {
    const Segment syn = make(client, vip, kSyn, 100);
    const Outcome outcome = path->run(Entry::tc_egress, build(syn));
    const auto out = read(outcome.frame);
    ASSERT_TRUE(out);
    Segment expected = translated(syn, tuple_of(*out));
    expected.ttl++;
    EXPECT_EQ(hex(outcome.frame), hex(build(expected)));
    EXPECT_EQ(checksum_fault(outcome.frame), "");
    const Segment reply = make(out->destination, out->source, kSyn | kAck, 500, 101);
    const Outcome up = run(reply);
    EXPECT_EQ(to_string(up.verdict), "pass");
    const auto got = read(up.frame);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->source.to_string(), vip.to_string());
    EXPECT_EQ(got->destination.to_string(), client.to_string());
    EXPECT_EQ(got->ttl, reply.ttl);
    EXPECT_EQ(checksum_fault(up.frame), "");
}

// To one backend all leave from one address: a port that a client of one family has got is not
// given to one of the other, though their flows may be in different tables.
TEST_P(Nat64, I4APortTowardsABackendIsOneFlowsOfBothFamilies) {
    const Endpoint backend = in_family(family(), "198.51.100.11:8080");
    std::array ways{
        std::pair(client, in_family(family(), "192.0.2.11:80")),
        std::pair(in_family(other(), "203.0.113.5:40000"), in_family(other(), "192.0.2.10:80"))};
    std::set<std::uint16_t> ports;
    for (int i = 0; i < 60; i++) {
        for (auto &[from, to] : ways) {
            from.port++;
            const Outcome outcome = run(make(from, to, kSyn, 100));
            if (outcome.trace.reason == WEIR_DROP_SNAT_EXHAUSTED)
                continue;
            const auto out = read(outcome.frame);
            ASSERT_TRUE(out);
            EXPECT_EQ(out->destination.to_string(), backend.to_string());
            EXPECT_TRUE(ports.insert(out->source.port).second) << out->source.to_string();
        }
    }
    EXPECT_EQ(ports.size(), 100U);
    EXPECT_EQ(path->drops(WEIR_DROP_SNAT_EXHAUSTED), 20U);
    EXPECT_EQ(list().size(), 100U);
}

// A client whose backend has no port left for it gets the one of the other family, and its flow is
// in the tables of that.
TEST_P(Nat64, I4AServiceMayHaveBackendsOfBothFamilies) {
    const Endpoint both = in_family(family(), "192.0.2.12:80");
    std::set<std::string> answers;
    std::map<bool, int> of_family;
    for (int i = 0; i < 200; i++) {
        client.port++;
        const Segment syn = make(client, both, kSyn, 100);
        const auto out = read(run(syn).frame);
        ASSERT_TRUE(out) << i;
        const Tuple to = tuple_of(*out);
        EXPECT_TRUE(answers.insert(to.source.to_string()).second) << to.source.to_string();
        of_family[to.destination.address.is_v4()]++;
        expect_translated(syn, to);
        expect_translated(make(to.destination, to.source, kSyn | kAck, 500, 101),
                          {both, client, Protocol::tcp});
    }
    EXPECT_EQ(of_family[true], 100);
    EXPECT_EQ(of_family[false], 100);
    client.port++;
    EXPECT_EQ(run(make(client, both, kSyn, 100)).trace.reason, WEIR_DROP_SNAT_EXHAUSTED);
    EXPECT_EQ(list().size(), 200U);
}

// Here mapped addresses stand for IPv4. An IPv6 packet that has them on the wire is of no flow, and
// for no service.
TEST_P(Nat64, I1MappedAddressesOnTheWireAreNobodys) {
    const Tuple to = open(make(client, vip, kSyn, 100));
    const bool v4 = family() == Family::v4;
    const Endpoint source = v4 ? client : to.destination;
    const Endpoint destination = v4 ? vip : to.source;
    Bytes frame = build(make({*Address::parse("2001:db8::1"), source.port},
                             {*Address::parse("2001:db8::2"), destination.port}, kAck, 101, 501));
    std::copy_n(source.address.bytes().begin(), 16, frame.begin() + 22);
    std::copy_n(destination.address.bytes().begin(), 16, frame.begin() + 38);
    expect_untouched(entry(), frame);
    expect_untouched(Entry::tc_egress, frame);
}

INSTANTIATE_TEST_SUITE_P(, Nat64, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
