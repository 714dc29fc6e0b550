// As whom this host comes to another.
#pragma once

#include "lb/net/address.h"

namespace weir {

// The source address that this host uses towards another; loopback where it has no route. No packet
// is sent.
Address source_towards(const Endpoint &to);

}  // namespace weir
