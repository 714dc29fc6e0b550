// What clients do for a while: real programs, and what they said of it.
#pragma once

#include <cstdint>
#include <string>

#include "lb/net/address.h"
#include "tests/support/process.h"

namespace weir::test {

// A client's view of the three servers.
struct Target {
    ProcessOptions client;  // where it runs
    Address address;
    std::uint16_t web;  // the port of HTTP; DNS and iperf3 have their own
};
inline constexpr std::uint16_t kDnsPort = 53;
inline constexpr std::uint16_t kIperfPort = 5201;

struct WorkDone {
    double done = 0;  // requests, gigabits
    double rate = 0;  // of it in a second
    // Milliseconds from request to answer; 0: the program does not say.
    double p50 = 0, p99 = 0;
    double mean = 0, longest = 0;
};

// Each throws when the program fails, or when more than one request in a thousand does.
WorkDone wrk_new(const Target &target);        // a connection for each request
WorkDone wrk_keepalive(const Target &target);  // one for all of them
WorkDone iperf3(const Target &target);         // a single stream, from client to server
WorkDone dnsperf(const Target &target);

}  // namespace weir::test
