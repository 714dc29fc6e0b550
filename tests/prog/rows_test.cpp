// Single packets through the ingress programs: one row, one packet, one expectation. Every row runs
// at both ingress hooks.
#include <gtest/gtest.h>

#include <functional>
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

// What the data path makes of a client's packet for its service's one backend.
Segment translate(Segment segment) {
    const bool tcp = segment.protocol == Protocol::tcp;
    segment.destination = *Endpoint::parse(tcp ? "198.51.100.11:8080" : "198.51.100.12:53");
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

std::vector<Row> rows() {
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
        untouched("OptionsReachBeyondTheEnd",
                  patched(build(make_syn()), [](Bytes &f) { f[14] = 0x4f; })),
    };
}

// Ethernet and IPv4 headers: what the kernel's test run wants of an skb with an IPv4 EtherType.
constexpr std::size_t kShortestSkb = 34;

class Rows : public testing::TestWithParam<std::tuple<Entry, Row>> {};

TEST_P(Rows, Ingress) {
    if (const std::string why = why_not_runnable(); !why.empty())
        GTEST_SKIP() << why;
    const auto &[entry, row] = GetParam();
    if (entry == Entry::tc_ingress && row.in.size() < kShortestSkb)
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
    const bool udp = row.in[23] == 17;
    const Counters counters = path.service(udp ? 1 : 0);
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
