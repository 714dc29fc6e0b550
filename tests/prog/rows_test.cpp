// Single packets through the ingress programs: one row, one packet, one expectation. Every row runs
// at both ingress hooks.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/prog/rows_v6.h"

namespace weir::test {
namespace {

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
        answered("TtlOneIsAnswered", with(make_syn(), [](Segment &s) { s.ttl = 1; }),
                 Error::time_exceeded, WEIR_DROP_TTL_EXPIRED),
        answered(
            "NoBackendTakesNewFlows",
            with(make_syn(), [](Segment &s) { s.destination = *Endpoint::parse("192.0.2.20:80"); }),
            Error::unreachable, WEIR_DROP_NO_BACKEND),
        untouched("OtherPort", with(make_syn(), [](Segment &s) { s.destination.port = 81; })),
        untouched("OtherProtocol",
                  with(make_syn(), [](Segment &s) { s.protocol = Protocol::udp; })),
        untouched("OtherAddress",
                  with(make_syn(),
                       [](Segment &s) { s.destination.address = *Address::parse("192.0.2.11"); })),
        untouched("BackendItself",
                  with(make_syn(),
                       [](Segment &s) { s.destination = *Endpoint::parse("198.51.100.11:8080"); })),
        forwarded("FirstFragment", with(make_query(), [](Segment &s) { s.fragment = 0x2000; })),
        dropped("LaterFragment", with(make_query(), [](Segment &s) { s.fragment = 0x00b9; }),
                WEIR_DROP_FRAGMENT_ORPHAN),
        untouched("LaterFragmentToAnotherAddress", with(make_query(),
                                                        [](Segment &s) {
                                                            s.fragment = 0x00b9;
                                                            s.destination.address =
                                                                *Address::parse("192.0.2.54");
                                                        })),
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

std::vector<Row> rows() {
    std::vector<Row> all = rows_v4();
    for (Row &row : rows_v6())
        all.push_back(std::move(row));
    return all;
}

// Ethernet and IP headers: what the kernel's test run wants of an skb with such an EtherType.
constexpr std::size_t kShortestSkb = 34;
constexpr std::size_t kShortestSkb6 = 54;

// The index of the service in kRowConfig that the row's packet is for, if it is for any.
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
    DataPath path(kRowConfig);
    const Outcome outcome = path.run(entry, row.in);

    EXPECT_EQ(to_string(outcome.verdict), to_string(row.verdict));
    EXPECT_EQ(hex(outcome.frame), hex(row.out.empty() ? row.in : row.out));
    EXPECT_EQ(outcome.trace.flow, row.flow);
    EXPECT_EQ(outcome.trace.reason, row.reason);
    EXPECT_EQ(path.all_drops(), row.reason == WEIR_DROP_NONE ? 0U : 1U)
        << "I6: one drop, one count";
    if (row.reason != WEIR_DROP_NONE) {
        EXPECT_EQ(path.drops(row.reason), 1U);
    }
    const Counters counters = path.service(service_of(row));
    const bool counted = row.flow == WEIR_TRACE_NEW;
    EXPECT_EQ(counters.new_flows, row.opens ? 1U : 0U);
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
