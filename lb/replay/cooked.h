// Linux cooked captures ("tcpdump -i any"): a pseudo header in place of each frame's own.
#pragma once

#include "lb/net/address.h"
#include "lb/replay/capture.h"

namespace weir {

// Puts an Ethernet header in place of the pseudo header. A frame that was sent has `own` as its
// source, one that was for this host has it as its destination; what else the pseudo header does
// not tell is zero. Lengths change with it. False when the frame is cut within the pseudo header.
// Layouts: LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2 at tcpdump.org.
bool uncook(Link link, const MacAddress &own, Frame &frame);

}  // namespace weir
