// Where things are in a frame that holds an IP packet. Frames are long enough to be read.
#pragma once

#include "tests/support/frame.h"

namespace weir::test {

inline constexpr std::size_t kEthernet = 14;
inline constexpr std::size_t kIpv4 = 20;
inline constexpr std::size_t kIpv6 = 40;

struct Layout {
    bool v6 = false;
    std::size_t l3 = 0;
    std::size_t l4 = 0;        // where the header of TCP, UDP or ICMP starts
    std::size_t end = 0;       // of the IP packet
    std::size_t l4_check = 0;  // where the checksum of L4 stands
    std::uint8_t protocol = 0;
    std::size_t fragment_header = 0;  // IPv6; 0: none
    bool is_fragment = false;         // one of several
};

// Behind the tags, and over IPv6 extension headers.
Layout layout_of(const Bytes &frame);

std::uint16_t ip_checksum(const Bytes &frame, const Layout &layout);

// Over the header and payload as they stand: zero the field first, or expect zero if it is right.
std::uint16_t l4_checksum(const Bytes &frame, const Layout &layout);

// Ethernet header and tags. Returns where the IP header goes.
std::size_t put_ethernet(Bytes &frame, const MacAddress &destination, const MacAddress &source,
                         const std::vector<Tag> &tags, bool v6);

}  // namespace weir::test
