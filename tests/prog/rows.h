// Rows of rows_test.cpp: one packet, one expectation; and what they are made of.
#pragma once

#include <ostream>

#include "tests/prog/answers.h"
#include "tests/support/program.h"

namespace weir::test {

inline constexpr const char *kRowConfig = R"(
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
  - {name: idle6, vip: "2001:db8:1::20", port: 80, protocol: tcp,
     backends: [{address: "2001:db8:2::13", port: 80, weight: 0}]}
limits: {flows: 1024, new_flows: 1024, services: 16, backends: 16}
)";

inline Segment make_syn() {
    Segment segment;
    segment.source = *Endpoint::parse("203.0.113.5:40000");
    segment.destination = *Endpoint::parse("192.0.2.10:80");
    return segment;
}

inline Segment make_query() {
    Segment segment = make_syn();
    segment.protocol = Protocol::udp;
    segment.destination = *Endpoint::parse("192.0.2.53:53");
    segment.payload = {1, 2, 3, 4, 5, 6, 7};
    return segment;
}

inline Segment make_syn6() {
    Segment segment = make_syn();
    segment.source = *Endpoint::parse("[2001:db8::5]:40000");
    segment.destination = *Endpoint::parse("[2001:db8:1::10]:80");
    return segment;
}

inline Segment make_query6() {
    Segment segment = make_query();
    segment.source = *Endpoint::parse("[2001:db8::5]:40000");
    segment.destination = *Endpoint::parse("[2001:db8:1::53]:53");
    return segment;
}

// What the data path makes of a client's packet for its service's one backend.
inline Segment translate(Segment segment) {
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
inline Segment with(Segment segment, Change change) {
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
    bool opens = false;  // a flow
};

inline void PrintTo(const Row &row, std::ostream *out) {
    *out << row.name;
}

inline Row forwarded(const char *name, const Segment &segment) {
    return {name,
            build(segment),
            Verdict::forward,
            build(translate(segment)),
            WEIR_TRACE_NEW,
            WEIR_DROP_NONE,
            true};
}
inline Row untouched(const char *name, Bytes frame) {
    return {name, std::move(frame), Verdict::pass, {}};
}
inline Row untouched(const char *name, const Segment &segment) {
    return untouched(name, build(segment));
}
// Dropped, and its sender told.
inline Row answered(const char *name, const Segment &segment, Error error,
                    weir_drop_reason reason) {
    const Bytes in = build(segment);
    return {name,
            in,
            Verdict::forward,
            answer_about(in, error),
            WEIR_TRACE_NONE,
            reason,
            reason == WEIR_DROP_TTL_EXPIRED};
}
inline Row dropped(const char *name, const Segment &segment, weir_drop_reason reason) {
    return {name, build(segment), Verdict::drop, {}, WEIR_TRACE_NONE, reason};
}

inline Bytes cut(Bytes frame, std::size_t length) {
    frame.resize(length);
    return frame;
}

template <typename Change>
inline Bytes patched(Bytes frame, Change change) {
    change(frame);
    return frame;
}

}  // namespace weir::test
