// The fields of each header that Walk in fields.cpp knows, by tshark's names. Offsets count from
// the start of the header; together the fields of a header cover its every byte.
#pragma once

#include <array>
#include <string_view>

#include "lb/replay/fields.h"

namespace weir {

struct HeaderField {
    std::string_view name;
    std::size_t offset;
    std::size_t length;
    Field::As as;
};

// Where a header without its options ends.
template <std::size_t N>
constexpr std::size_t length_of(const std::array<HeaderField, N> &fields) {
    return fields[N - 1].offset + fields[N - 1].length;
}

inline constexpr std::array<HeaderField, 3> kEthernetFields{{{"eth.dst", 0, 6, Field::As::mac},
                                                             {"eth.src", 6, 6, Field::As::mac},
                                                             {"eth.type", 12, 2, Field::As::hex}}};

// 802.1Q: priority and drop bits stand in the same two bytes as the id.
inline constexpr std::array<HeaderField, 2> kVlanFields{
    {{"vlan.id", 0, 2, Field::As::hex}, {"vlan.etype", 2, 2, Field::As::hex}}};

inline constexpr std::array<HeaderField, 10> kIpv4Fields{{{"ip.hdr_len", 0, 1, Field::As::hex},
                                                          {"ip.dsfield", 1, 1, Field::As::hex},
                                                          {"ip.len", 2, 2, Field::As::number},
                                                          {"ip.id", 4, 2, Field::As::hex},
                                                          {"ip.flags", 6, 2, Field::As::hex},
                                                          {"ip.ttl", 8, 1, Field::As::number},
                                                          {"ip.proto", 9, 1, Field::As::number},
                                                          {"ip.checksum", 10, 2, Field::As::hex},
                                                          {"ip.src", 12, 4, Field::As::ipv4},
                                                          {"ip.dst", 16, 4, Field::As::ipv4}}};

// tshark has ipv6.version, ipv6.tclass and ipv6.flow, which share bytes.
inline constexpr std::array<HeaderField, 6> kIpv6Fields{
    {{"ipv6.version_class_flow", 0, 4, Field::As::hex},
     {"ipv6.plen", 4, 2, Field::As::number},
     {"ipv6.nxt", 6, 1, Field::As::number},
     {"ipv6.hlim", 7, 1, Field::As::number},
     {"ipv6.src", 8, 16, Field::As::ipv6},
     {"ipv6.dst", 24, 16, Field::As::ipv6}}};

inline constexpr std::array<HeaderField, 2> kHopByHopFields{
    {{"ipv6.hopopts.nxt", 0, 1, Field::As::number}, {"ipv6.hopopts.len", 1, 1, Field::As::number}}};
inline constexpr std::array<HeaderField, 2> kRoutingFields{
    {{"ipv6.routing.nxt", 0, 1, Field::As::number}, {"ipv6.routing.len", 1, 1, Field::As::number}}};
inline constexpr std::array<HeaderField, 2> kDestinationFields{
    {{"ipv6.dstopts.nxt", 0, 1, Field::As::number}, {"ipv6.dstopts.len", 1, 1, Field::As::number}}};
// The offset with the flag "more fragments" in its last bit.
inline constexpr std::array<HeaderField, 4> kFragmentFields{
    {{"ipv6.fraghdr.nxt", 0, 1, Field::As::number},
     {"ipv6.fraghdr.reserved_octet", 1, 1, Field::As::hex},
     {"ipv6.fraghdr.offset", 2, 2, Field::As::hex},
     {"ipv6.fraghdr.ident", 4, 4, Field::As::hex}}};

inline constexpr std::array<HeaderField, 9> kTcpFields{
    {{"tcp.srcport", 0, 2, Field::As::number},
     {"tcp.dstport", 2, 2, Field::As::number},
     {"tcp.seq_raw", 4, 4, Field::As::number},
     {"tcp.ack_raw", 8, 4, Field::As::number},
     {"tcp.hdr_len", 12, 1, Field::As::hex},
     {"tcp.flags", 13, 1, Field::As::hex},
     {"tcp.window_size_value", 14, 2, Field::As::number},
     {"tcp.checksum", 16, 2, Field::As::hex},
     {"tcp.urgent_pointer", 18, 2, Field::As::number}}};

inline constexpr std::array<HeaderField, 4> kUdpFields{{{"udp.srcport", 0, 2, Field::As::number},
                                                        {"udp.dstport", 2, 2, Field::As::number},
                                                        {"udp.length", 4, 2, Field::As::number},
                                                        {"udp.checksum", 6, 2, Field::As::hex}}};

// What the last four bytes mean depends on the type; they are shown as they are.
inline constexpr std::array<HeaderField, 4> kIcmpFields{{{"icmp.type", 0, 1, Field::As::number},
                                                         {"icmp.code", 1, 1, Field::As::number},
                                                         {"icmp.checksum", 2, 2, Field::As::hex},
                                                         {"icmp.rest", 4, 4, Field::As::hex}}};
inline constexpr std::array<HeaderField, 4> kIcmpv6Fields{
    {{"icmpv6.type", 0, 1, Field::As::number},
     {"icmpv6.code", 1, 1, Field::As::number},
     {"icmpv6.checksum", 2, 2, Field::As::hex},
     {"icmpv6.rest", 4, 4, Field::As::hex}}};

}  // namespace weir
