// Weighted Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
// Balancer", NSDI 2016, section 3.4): a ring on which every backend holds its share of the slots,
// and of which little moves when a backend comes or goes.
#pragma once

#include <cstdint>
#include <vector>

#include "lb/model/state.h"

namespace weir {

// One backend id per slot; empty when no backend has a weight. `slots`: a prime. The places depend
// on the endpoints and weights alone, neither on ids nor on the order, so that every node builds
// the same ring.
std::vector<std::uint32_t> build_maglev_ring(const std::vector<BackendRow> &backends,
                                             std::uint32_t slots);

}  // namespace weir
