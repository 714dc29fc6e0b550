// The fixture of the tests that follow flows over several packets, in both families and at both
// ingress hooks.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "tests/support/program.h"

namespace weir::test {

inline constexpr const char *kFlowConfig = R"(
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
  - {name: idle, vip: 192.0.2.30, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.13, port: 80, weight: 0}]}
  - {name: idle-6, vip: "2001:db8::c000:21e", port: 80, protocol: tcp,
     backends: [{address: "2001:db8::c633:640d", port: 80, weight: 0}]}
timeouts: {tcp_established: 2h4m, tcp_transitory: 4m, tcp_new: 30s, udp: 5m}
limits: {flows: 1024, new_flows: 64, services: 16, backends: 16}
)";

enum class Family { v4, v6 };

// The configuration has every service twice: a.b.c.d is 2001:db8::a.b.c.d in the other family.
inline Endpoint in_family(Family family, const char *text) {
    Endpoint endpoint = *Endpoint::parse(text);
    if (family == Family::v4)
        return endpoint;
    std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    std::copy_n(endpoint.address.bytes().begin() + 12, 4, bytes.begin() + 12);
    return {Address(bytes), endpoint.port};
}

inline Segment make(const Endpoint &source, const Endpoint &destination, std::uint8_t flags,
                    std::uint32_t seq = 0, std::uint32_t ack = 0) {
    Segment segment;
    segment.source = source;
    segment.destination = destination;
    segment.tcp_flags = flags;
    segment.seq = seq;
    segment.ack = ack;
    return segment;
}

inline Segment datagram(const Endpoint &source, const Endpoint &destination) {
    Segment segment = make(source, destination, kSyn);
    segment.protocol = Protocol::udp;
    segment.payload = {'h', 'i'};
    return segment;
}

// A packet that is translated, as ingress sends it on.
inline Segment as_sent(Segment segment, const Endpoint &source, const Endpoint &destination) {
    segment.source = source;
    segment.destination = destination;
    segment.source_mac = ReplayConfig{}.mac;
    segment.destination_mac = hop_mac(destination.address);
    segment.ttl--;
    return segment;
}

class Flows : public testing::TestWithParam<std::tuple<Entry, Family>> {
  protected:
    void SetUp() override {
        if (const std::string why = why_not_runnable(); !why.empty())
            GTEST_SKIP() << why;
        path = std::make_unique<DataPath>(config());
        client = at("203.0.113.5:40000");
        vip = at("192.0.2.10:80");
        vip2 = at("192.0.2.20:80");
        dns = at("192.0.2.53:53");
        idle = at("192.0.2.30:80");
        first_service = family() == Family::v4 ? 0 : 3;
    }

    virtual const char *config() const { return kFlowConfig; }

    static Entry entry() { return std::get<0>(GetParam()); }
    static Family family() { return std::get<1>(GetParam()); }
    static Endpoint at(const char *text) { return in_family(family(), text); }

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

    // The packet leaves `entry` as it came.
    void expect_untouched(Entry where, const Bytes &frame, std::uint32_t came_by = 0) {
        const Outcome outcome = path->run(where, frame, came_by);
        EXPECT_EQ(to_string(outcome.verdict), "pass");
        EXPECT_EQ(hex(outcome.frame), hex(frame)) << "I1";
    }

    // The packet is forwarded, as `expected` to the byte.
    void expect_sent(const Bytes &frame, const Bytes &expected) {
        const Outcome outcome = path->run(entry(), frame);
        EXPECT_EQ(to_string(outcome.verdict), "forward");
        EXPECT_EQ(checksum_fault(outcome.frame), "") << "I2";
        EXPECT_EQ(hex(outcome.frame), hex(expected));
    }

    std::vector<Flow> list() {
        std::vector<Flow> flows;
        const auto done = path->tables().for_each_flow(
            {}, [] { return true; }, [&flows](const Flow &flow) { flows.push_back(flow); });
        EXPECT_TRUE(done) << done.error().message;
        return flows;
    }

    std::unique_ptr<DataPath> path;
    Endpoint client;
    Endpoint vip;
    Endpoint vip2;
    Endpoint dns;
    Endpoint idle;                  // no backend takes flows
    std::size_t first_service = 0;  // the index of `web` in this family
};

inline std::string flow_test_name(const testing::TestParamInfo<std::tuple<Entry, Family>> &test) {
    return to_string(std::get<0>(test.param)) +
           (std::get<1>(test.param) == Family::v4 ? "V4" : "V6");
}

inline auto every_hook_and_family() {
    return testing::Combine(testing::Values(Entry::xdp_ingress, Entry::tc_ingress),
                            testing::Values(Family::v4, Family::v6));
}

}  // namespace weir::test
