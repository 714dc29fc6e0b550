// ICMP and ICMPv6 messages for tests, errors and echoes.
#pragma once

#include "tests/support/frame.h"

namespace weir::test {

struct Icmp {
    MacAddress source_mac{{0x02, 0, 0, 0, 0, 0xaa}};
    MacAddress destination_mac{{0x02, 0, 0, 0, 0, 0x01}};
    std::vector<Tag> tags;
    Address source;
    Address destination;
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0;
    std::uint16_t id = 0x4321;  // IPv4
    Bytes ip_options;           // IPv4
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t rest = 0;  // the word after the checksum: an MTU, or an echo's id and number
    Bytes body;
    std::size_t padding = 0;

    bool operator==(const Icmp &) const = default;
};

// With correct checksums.
Bytes build(const Icmp &message);

// nullopt for what is no ICMP message. Checksums are not looked at.
std::optional<Icmp> read_icmp(const Bytes &frame);

// An error about a frame, as a host that got it would send it: from its destination to its source,
// with its first `carried` bytes from the IP header on (all, if it has no more).
enum class Error { unreachable, time_exceeded, too_big, parameter_problem };
Icmp error_about(const Bytes &frame, Error error, std::size_t carried = 1000);

Icmp echo_request(const Address &source, const Address &destination);

}  // namespace weir::test
