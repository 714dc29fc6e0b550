// Ethernet frames for tests: built from values, read back into values, and checksummed the plain
// way (whole sums, RFC 1071), as a judge over the data path's incremental arithmetic.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lb/net/address.h"
#include "tests/support/bytes.h"

namespace weir::test {

enum TcpFlags : std::uint8_t { kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16 };

// A VLAN tag: 802.1Q, or 802.1ad outside of one.
struct Tag {
    std::uint16_t kind = 0x8100;
    std::uint16_t tci = 0;
    bool operator==(const Tag &) const = default;
};

// An IPv6 extension header, whole; its first byte is set by build().
struct Extension {
    std::uint8_t kind = 0;  // its own protocol number
    Bytes bytes;
    bool operator==(const Extension &) const = default;
};

// A TCP segment or UDP datagram over IPv4 or IPv6, as the addresses say. Ports, numbers and lengths
// are in host order.
struct Segment {
    MacAddress source_mac{{0x02, 0, 0, 0, 0, 0xaa}};
    MacAddress destination_mac{{0x02, 0, 0, 0, 0, 0x01}};
    std::vector<Tag> tags;  // from the outermost
    Endpoint source;
    Endpoint destination;
    Protocol protocol = Protocol::tcp;
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0;
    std::uint16_t id = 0x1234;          // IPv4
    Bytes ip_options;                   // IPv4: a multiple of four bytes, at most 40
    std::uint16_t fragment = 0;         // IPv4: the flags and offset field
    std::vector<Extension> extensions;  // IPv6, in order
    std::uint8_t tcp_flags = kSyn;
    std::uint32_t seq = 1000;
    std::uint32_t ack = 0;
    bool udp_checksum = true;  // false: sent as zero, "none"
    Bytes payload;
    std::size_t padding = 0;  // bytes after the IP packet, as on a short Ethernet frame

    bool operator==(const Segment &) const = default;
};

// With correct checksums.
Bytes build(const Segment &segment);

// The addresses, ports, numbers and payload of a frame that build() could have made; nullopt for
// what is no such frame. Checksums are not looked at.
std::optional<Segment> read(const Bytes &frame);

// What is wrong with the checksums of an IPv4 or IPv6 frame, ICMP and the packet inside an ICMP
// error included; empty when all is right. Of a fragment, and of an embedded packet that was cut
// short, only the IP header can be judged.
std::string checksum_fault(const Bytes &frame);

// Where the IP header starts, and where L4 does. The frame is long enough to be read.
std::size_t l3_offset(const Bytes &frame);
std::size_t l4_offset(const Bytes &frame);

// The IP packet of a frame: no Ethernet header, no padding.
Bytes packet_of(const Bytes &frame);

std::string hex(const Bytes &frame);

}  // namespace weir::test
