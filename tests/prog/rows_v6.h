// The rows of rows_test.cpp for IPv6.
#pragma once

#include "tests/prog/rows.h"

namespace weir::test {

// A routing header at its end, an atomic fragment, options.
inline const Extension kHopByHop{0, {0, 0, 1, 4, 0, 0, 0, 0}};
inline const Extension kDestination{60, {0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
inline const Extension kRoutingDone{43, {0, 0, 4, 0, 0, 0, 0, 0}};
inline const Extension kRouting{
    43, {0, 2, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
inline const Extension kAtomicFragment{44, {0, 0, 0, 0, 1, 2, 3, 4}};
inline const Extension kFirstFragment{44, {0, 0, 0, 1, 1, 2, 3, 4}};
inline const Extension kLaterFragment{44, {0, 0, 0, 8, 1, 2, 3, 4}};
inline const Extension kAuthentication{
    51, {0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};

inline const Extension kSecurityPayload{50, {0, 0, 0, 0, 0, 0, 0, 1}};

// `units` of 8 bytes, and 8 more.
inline Extension long_options(std::uint8_t units) {
    Extension options{60, Bytes(8U + units * 8U, 0)};
    options.bytes[1] = units;
    return options;
}

inline Segment extended(std::vector<Extension> extensions) {
    Segment segment = make_syn6();
    segment.extensions = std::move(extensions);
    return segment;
}

inline std::vector<Row> rows_v6() {
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
        forwarded("V6FirstFragment", extended({kFirstFragment})),
        forwarded("V6FirstFragmentBehindOthers",
                  extended({kHopByHop, kRoutingDone, kFirstFragment, kDestination})),
        dropped("V6LaterFragment", extended({kLaterFragment}), WEIR_DROP_FRAGMENT_ORPHAN),
        untouched(
            "V6LaterFragmentToAnotherAddress",
            with(extended({kLaterFragment}),
                 [](Segment &s) { s.destination.address = *Address::parse("2001:db8:1::11"); })),
        untouched("V6Authentication", extended({kAuthentication})),
        untouched("V6SecurityPayload", extended({kSecurityPayload})),
        forwarded("V6TcpAtByte510", extended({long_options(56)})),
        untouched("V6TcpAtByte518", extended({long_options(57)})),
        answered("V6HopLimitOneIsAnswered", with(make_syn6(), [](Segment &s) { s.ttl = 1; }),
                 Error::time_exceeded, WEIR_DROP_TTL_EXPIRED),
        answered("V6NoBackendTakesNewFlows",
                 with(make_syn6(),
                      [](Segment &s) { s.destination = *Endpoint::parse("[2001:db8:1::20]:80"); }),
                 Error::unreachable, WEIR_DROP_NO_BACKEND),
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

}  // namespace weir::test
