// Single packets through the ingress programs: one row, one packet, one expectation. Every row runs
// at both ingress hooks.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "tests/support/program.h"

namespace weir::test {
namespace {

constexpr const char *kConfig = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.11, port: 8080}]}
  - {name: dns, vip: 192.0.2.53, port: 53, protocol: udp,
     backends: [{address: 198.51.100.12, port: 53}]}
  - {name: idle, vip: 192.0.2.20, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.13, port: 80, weight: 0}]}
  - {name: web6, vip: "2001:db8:1::10", port: 80, protocol: tcp,
     backends: [{address: "2001:db8:2::11", port: 8080}]}
  - {name: dns6, vip: "2001:db8:1::53", port: 53, protocol: udp,
     backends: [{address: "2001:db8:2::12", port: 53}]}
limits: {flows: 1024, new_flows: 1024, services: 16, backends: 16}
)";

Segment make_syn() {
    Segment segment;
    segment.source = *Endpoint::parse("203.0.113.5:40000");
    segment.destination = *Endpoint::parse("192.0.2.10:80");
    return segment;
}

Segment make_query() {
    Segment segment = make_syn();
    segment.protocol = Protocol::udp;
    segment.destination = *Endpoint::parse("192.0.2.53:53");
    segment.payload = {1, 2, 3, 4, 5, 6, 7};
    return segment;
}

Segment make_syn6() {
    Segment segment = make_syn();
    segment.source = *Endpoint::parse("[2001:db8::5]:40000");
    segment.destination = *Endpoint::parse("[2001:db8:1::10]:80");
    return segment;
}

Segment make_query6() {
    Segment segment = make_query();
    segment.source = *Endpoint::parse("[2001:db8::5]:40000");
    segment.destination = *Endpoint::parse("[2001:db8:1::53]:53");
    return segment;
}

// What the data path makes of a client's packet for its service's one backend.
Segment translate(Segment segment) {
    const bool tcp = segment.protocol == Protocol::tcp;
    const bool v4 = segment.source.address.is_v4();
    segment.destination =
        *Endpoint::parse(v4 ? (tcp ? "198.51.100.11:8080" : "198.51.100.12:53")
                            : (tcp ? "[2001:db8:2::11]:8080" : "[2001:db8:2::12]:53"));
    segment.destination_mac = hop_mac(segment.destination.address);
    segment.source_mac = ReplayConfig{}.mac;
    segment.ttl--;
    return segment;
}

template <typename Change>
Segment with(Segment segment, Change change) {
    change(segment);
    return segment;
}

struct Row {
    const char *name;
    Bytes in;
    Verdict verdict;
    Bytes out;  // empty: as it came
    weir_trace_flow flow = WEIR_TRACE_NONE;
    weir_drop_reason reason = WEIR_DROP_NONE;
};

void PrintTo(const Row &row, std::ostream *out) {
    *out << row.name;
}

Row forwarded(const char *name, const Segment &segment) {
    return {name, build(segment), Verdict::forward, build(translate(segment)), WEIR_TRACE_NEW};
}
Row untouched(const char *name, Bytes frame) {
    return {name, std::move(frame), Verdict::pass, {}};
}
Row untouched(const char *name, const Segment &segment) {
    return untouched(name, build(segment));
}
Row dropped(const char *name, const Segment &segment, weir_drop_reason reason) {
    return {name, build(segment), Verdict::drop, {}, WEIR_TRACE_NONE, reason};
}

Bytes cut(Bytes frame, std::size_t length) {
    frame.resize(length);
    return frame;
}

template <typename Change>
Bytes patched(Bytes frame, Change change) {
    change(frame);
    return frame;
}

// NOLINTNEXTLINE(readability-function-size): a table
std::vector<Row> rows_v4() {
    return {
        forwarded("TcpSyn", make_syn()),
        forwarded("TcpSynWithPayload", with(make_syn(),
                                            [](Segment &s) {
                                                s.payload = {7, 7, 7};
                                            })),
        forwarded("TcpMidstreamAck", with(make_syn(), [](Segment &s) { s.tcp_flags = kAck; })),
        forwarded("UdpFirstDatagram", make_query()),
        forwarded("UdpWithoutChecksum",
                  with(make_query(), [](Segment &s) { s.udp_checksum = false; })),
        forwarded("UdpEmpty", with(make_query(), [](Segment &s) { s.payload.clear(); })),
        forwarded("UdpLong", with(make_query(), [](Segment &s) { s.payload.assign(1400, 0xa5); })),
        forwarded("Ipv4Options", with(make_syn(),
                                      [](Segment &s) {
                                          s.ip_options = {1, 1, 1, 0};
                                      })),
        forwarded("Ipv4OptionsLongest",
                  with(make_syn(), [](Segment &s) { s.ip_options.assign(40, 1); })),
        forwarded("MinimumFrameKeepsPadding", with(make_syn(), [](Segment &s) { s.padding = 6; })),
        forwarded("TosKept", with(make_syn(), [](Segment &s) { s.tos = 0xb8; })),
        forwarded("TtlTwoIsEnough", with(make_syn(), [](Segment &s) { s.ttl = 2; })),
        {"TtlOneGoesToTheStack",
         build(with(make_syn(), [](Segment &s) { s.ttl = 1; })),
         Verdict::pass,
         {}},
        dropped(
            "NoBackendTakesNewFlows",
            with(make_syn(), [](Segment &s) { s.destination = *Endpoint::parse("192.0.2.20:80"); }),
            WEIR_DROP_NO_BACKEND),
        untouched("OtherPort", with(make_syn(), [](Segment &s) { s.destination.port = 81; })),
        untouched("OtherProtocol",
                  with(make_syn(), [](Segment &s) { s.protocol = Protocol::udp; })),
        untouched("OtherAddress",
                  with(make_syn(),
                       [](Segment &s) { s.destination.address = *Address::parse("192.0.2.11"); })),
        untouched("BackendItself",
                  with(make_syn(),
                       [](Segment &s) { s.destination = *Endpoint::parse("198.51.100.11:8080"); })),
        untouched("FirstFragment", with(make_query(), [](Segment &s) { s.fragment = 0x2000; })),
        untouched("LaterFragment", with(make_query(), [](Segment &s) { s.fragment = 0x00b9; })),
        untouched("Arp", patched(build(make_syn()), [](Bytes &f) { f[13] = 0x06; })),
        untouched("ToAGroup", patched(build(make_syn()), [](Bytes &f) { f[0] = 0x01; })),
        untouched("Broadcast",
                  patched(build(make_syn()), [](Bytes &f) { std::fill_n(f.begin(), 6, 0xff); })),
        untouched("Vlan", patched(build(make_syn()), [](Bytes &f) { f[12] = 0x81, f[13] = 0; })),
        untouched("Icmp", patched(build(make_syn()), [](Bytes &f) { f[23] = 1; })),
        untouched("VersionSix", patched(build(make_syn()), [](Bytes &f) { f[14] = 0x65; })),
        untouched("HeaderLengthTooSmall",
                  patched(build(make_syn()), [](Bytes &f) { f[14] = 0x44; })),
        untouched("TcpHeaderLengthTooSmall",
                  patched(build(make_syn()), [](Bytes &f) { f[46] = 0x40; })),
        untouched("EthernetOnly", cut(build(make_syn()), 14)),
        untouched("Ipv4HeaderCutShort", cut(build(make_syn()), 33)),
        untouched("TcpHeaderCutShort", cut(build(make_syn()), 53)),
        untouched("UdpHeaderCutShort", cut(build(make_query()), 41)),
        untouched("TotalLengthEndsBeforeTheUdpHeader",
                  patched(build(make_query()), [](Bytes &f) { f[17] = 20 + 7; })),
        untouched("TotalLengthReachesBeyondTheFrame",
                  patched(build(make_query()), [](Bytes &f) { f[17] += 1; })),
        untouched("OptionsReachBeyondTheEnd",
                  patched(build(make_syn()), [](Bytes &f) { f[14] = 0x4f; })),
    };
}

// A routing header at its end, an atomic fragment, options.
const Extension kHopByHop{0, {0, 0, 1, 4, 0, 0, 0, 0}};
const Extension kDestination{60, {0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
const Extension kRoutingDone{43, {0, 0, 4, 0, 0, 0, 0, 0}};
const Extension kRouting{43,
                         {0, 2, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
const Extension kAtomicFragment{44, {0, 0, 0, 0, 1, 2, 3, 4}};
const Extension kFirstFragment{44, {0, 0, 0, 1, 1, 2, 3, 4}};
const Extension kLaterFragment{44, {0, 0, 0, 8, 1, 2, 3, 4}};
const Extension kAuthentication{
    51, {0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};

Segment extended(std::vector<Extension> extensions) {
    Segment segment = make_syn6();
    segment.extensions = std::move(extensions);
    return segment;
}

std::vector<Row> rows_v6() {
    return {
        forwarded("V6TcpSyn", make_syn6()),
        forwarded("V6TcpMidstreamAck", with(make_syn6(), [](Segment &s) { s.tcp_flags = kAck; })),
        forwarded("V6UdpFirstDatagram", make_query6()),
        forwarded("V6UdpWithoutChecksum",
                  with(make_query6(), [](Segment &s) { s.udp_checksum = false; })),
        forwarded("V6MinimumFrameKeepsPadding",
                  with(make_query6(), [](Segment &s) { s.payload.clear(), s.padding = 4; })),
        forwarded("V6TrafficClassKept", with(make_syn6(), [](Segment &s) { s.tos = 0xb8; })),
        forwarded("V6HopByHop", extended({kHopByHop})),
        forwarded("V6Destination", extended({kDestination})),
        forwarded("V6RoutingAtItsEnd", extended({kRoutingDone})),
        forwarded("V6AtomicFragment", extended({kAtomicFragment})),
        forwarded("V6AsManyExtensionsAsAreWalked",
                  extended({kHopByHop, kDestination, kRoutingDone, kAtomicFragment, kDestination,
                            kDestination})),
        untouched("V6OneExtensionMore",
                  extended({kHopByHop, kDestination, kRoutingDone, kAtomicFragment, kDestination,
                            kDestination, kDestination})),
        untouched("V6RoutingOnItsWay", extended({kRouting})),
        untouched("V6FirstFragment", extended({kFirstFragment})),
        untouched("V6LaterFragment", extended({kLaterFragment})),
        untouched("V6Authentication", extended({kAuthentication})),
        untouched("V6HopLimitOneGoesToTheStack", with(make_syn6(), [](Segment &s) { s.ttl = 1; })),
        untouched("V6OtherPort", with(make_syn6(), [](Segment &s) { s.destination.port = 81; })),
        untouched("V6Icmp", patched(build(make_syn6()), [](Bytes &f) { f[20] = 58; })),
        untouched("V6VersionFour", patched(build(make_syn6()), [](Bytes &f) { f[14] = 0x45; })),
        untouched("V6TcpHeaderCutShort", cut(build(make_syn6()), 73)),
        untouched("V6HeaderCutShort", cut(build(make_syn6()), 53)),
        untouched("V6ExtensionReachesBeyondTheEnd",
                  patched(build(extended({kDestination})), [](Bytes &f) { f[55] = 200; })),
        untouched("V6PayloadLengthEndsBeforeTheTcpHeader",
                  patched(build(make_syn6()), [](Bytes &f) { f[19] = 19; })),
        untouched("V6PayloadLengthReachesBeyondTheFrame",
                  patched(build(make_syn6()), [](Bytes &f) { f[19] += 1; })),
    };
}

std::vector<Row> rows() {
    std::vector<Row> all = rows_v4();
    for (Row &row : rows_v6())
        all.push_back(std::move(row));
    return all;
}

// Ethernet and IP headers: what the kernel's test run wants of an skb with such an EtherType.
constexpr std::size_t kShortestSkb = 34;
constexpr std::size_t kShortestSkb6 = 54;

// The index of the service in kConfig that the row's packet is for, if it is for any.
std::size_t service_of(const Row &row) {
    const auto segment = read(row.in);
    const bool udp = segment && segment->protocol == Protocol::udp;
    const bool v6 = row.in[12] == 0x86;
    return (v6 ? 3U : 0U) + (udp ? 1U : 0U);
}

class Rows : public testing::TestWithParam<std::tuple<Entry, Row>> {};

TEST_P(Rows, Ingress) {
    if (const std::string why = why_not_runnable(); !why.empty())
        GTEST_SKIP() << why;
    const auto &[entry, row] = GetParam();
    const bool v6 = row.in[12] == 0x86;
    if (entry == Entry::tc_ingress && row.in.size() < (v6 ? kShortestSkb6 : kShortestSkb))
        GTEST_SKIP() << "BPF_PROG_TEST_RUN makes no skb of " << row.in.size() << " bytes";
    DataPath path(kConfig);
    const Outcome outcome = path.run(entry, row.in);

    EXPECT_EQ(to_string(outcome.verdict), to_string(row.verdict));
    EXPECT_EQ(hex(outcome.frame), hex(row.out.empty() ? row.in : row.out));
    EXPECT_EQ(outcome.trace.flow, row.flow);
    EXPECT_EQ(outcome.trace.reason, row.reason);
    std::uint64_t drops = 0;
    for (int reason = 0; reason < WEIR_DROP_REASONS; ++reason)
        drops += path.drops(static_cast<weir_drop_reason>(reason));
    EXPECT_EQ(drops, row.verdict == Verdict::drop ? 1U : 0U) << "I6: one drop, one count";
    if (row.reason != WEIR_DROP_NONE) {
        EXPECT_EQ(path.drops(row.reason), 1U);
    }
    const Counters counters = path.service(service_of(row));
    const bool counted = row.verdict == Verdict::forward;
    EXPECT_EQ(counters.new_flows, counted ? 1U : 0U);
    EXPECT_EQ(counters.forward_packets, counted ? 1U : 0U);
    EXPECT_EQ(counters.forward_bytes, counted ? row.in.size() : 0U);
    EXPECT_EQ(counters.reply_packets, 0U);
}

INSTANTIATE_TEST_SUITE_P(, Rows,
                         testing::Combine(testing::Values(Entry::xdp_ingress, Entry::tc_ingress),
                                          testing::ValuesIn(rows())),
                         [](const auto &test) {
                             return to_string(std::get<0>(test.param)) +
                                    std::get<1>(test.param).name;
                         });

}  // namespace
}  // namespace weir::test
