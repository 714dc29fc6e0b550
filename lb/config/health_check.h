// What is asked of a backend to know whether it serves.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

enum class CheckType { tcp, http, https, udp, dns, icmp, exec };

std::string_view to_string(CheckType type);  // "tcp", "http", ...

struct HealthCheckConfig {
    CheckType type = CheckType::tcp;
    // From the start of a check to that of the next; up to a tenth less, at random.
    std::chrono::milliseconds interval{2000};
    std::chrono::milliseconds timeout{1000};  // at most `interval`
    std::uint32_t rise = 2;                   // successes in a row that bring a backend up
    std::uint32_t fall = 3;                   // failures in a row that take it down

    // http, https
    std::string path = "/";
    std::string host;                                          // empty: the backend's address
    std::pair<std::uint16_t, std::uint16_t> status{200, 399};  // first and last that is good
    std::string body;                                          // must be in the answer; empty: any
    // https
    bool verify = true;   // the certificate, against `ca_file`, and its name
    std::string ca_file;  // PEM; empty: the system's
    std::string sni;      // and the name in the certificate; empty: `host`, or none for an address
    // udp: bytes to send, and what must be in the answer (empty: any answer)
    std::string send;
    std::string expect;
    // dns: a name that must resolve to an address of type A or AAAA: to `expect`, if that is not
    // empty
    std::string query;
    bool query_v6 = false;
    // exec: program and arguments; exit status 0 is good
    std::vector<std::string> command;

    bool operator==(const HealthCheckConfig &) const = default;
};

}  // namespace weir
