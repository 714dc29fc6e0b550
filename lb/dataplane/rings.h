// The rings of the services: a map in which each service has one of its own, swapped whole (I10).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lb/model/plan.h"
#include "lb/result.h"

namespace weir {

// `map`: the descriptor of `rings`. Many at a time: for each call the kernel waits until no packet
// is between the old rings and the new ones, which takes it some 10 ms.
Result<void> write_rings(int map, const std::vector<RingWrite> &writes);
// Leaves these services a ring without a slot, for the kernel takes none away without that wait.
Result<void> empty_rings(int map, const std::vector<std::uint32_t> &services);
// How many slots a service's ring has; none when it cannot be read.
std::optional<std::uint32_t> read_ring_slots(int map, std::uint32_t service);

}  // namespace weir
