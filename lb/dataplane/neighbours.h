// One word to the neighbours about an address that is new here: a gratuitous ARP (RFC 5227,
// section 3) or an unsolicited neighbour advertisement (RFC 4861, section 7.2.6).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "lb/net/address.h"

namespace weir {

// An Ethernet frame, in which `address` (IPv4) says that it is at `mac`.
std::array<std::uint8_t, 42> make_gratuitous_arp(const MacAddress &mac, const Address &address);

// The ICMPv6 message, its checksum for the kernel to fill in; `address` (IPv6) is at `mac`.
std::array<std::uint8_t, 32> make_advertisement(const MacAddress &mac, const Address &address);

// Sends it once. It may be lost like any packet, so a failure is one more way to lose it:
// neighbours ask again when their entry has aged.
void tell_neighbours(const std::string &interface, unsigned ifindex, const Address &address);

}  // namespace weir
