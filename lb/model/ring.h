// The ring of a service: the backend ids among which its scheduler picks.
#pragma once

#include <cstdint>
#include <vector>

#include "lb/config/config.h"
#include "lb/model/state.h"

namespace weir {

// Slots of the ring of a scheduler that hashes, 0 for the others: `ring_size`, or a prime that
// gives every backend of the configuration, whatever its state, a hundred slots, for shares within
// 1 %.
std::uint32_t ring_slots(const ServiceConfig &service);

// maglev, source-hash: maglev.h. wrr, random: every backend as often as its weight says, spread
// evenly. least-conn: every backend once. Empty when no backend has a weight.
std::vector<std::uint32_t> build_ring(Scheduler scheduler, std::uint32_t slots,
                                      const std::vector<BackendRow> &backends);

}  // namespace weir
