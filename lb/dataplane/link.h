// Facts about a network interface, from the kernel, in this network namespace.
#pragma once

#include <string>
#include <string_view>

#include "lb/result.h"

namespace weir {

// The driver as ethtool names it ("veth", "virtio_net", "ixgbe"); empty when it has none.
std::string link_driver(const std::string &interface);

// Whether a driver hands over packets with unfinished checksums or joined segments, which XDP would
// have to refuse or the driver to take apart: what `hook: auto` goes by.
bool hands_over_offloaded_packets(std::string_view driver);

// The largest IP packet, bytes; 0 when there is no such interface.
unsigned link_mtu(const std::string &interface);

// Whether its frames start with an Ethernet header, which the data path needs.
bool link_is_ethernet(const std::string &interface);

// Whether the clsact qdisc of the interface holds any filter, ours or others'.
Result<bool> clsact_has_filters(unsigned ifindex);

// The kind of the qdisc where clsact goes ("clsact", "ingress"); empty when there is none. An
// ingress qdisc takes filters for egress without a word and runs them on ingress.
Result<std::string> ingress_qdisc_kind(unsigned ifindex);

}  // namespace weir
