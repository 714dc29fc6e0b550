// XDP on one interface, through libxdp: with its dispatcher where the kernel has extension
// programs, alone on the interface where it has not.
#pragma once

#include <cstdint>
#include <string>

#include "lb/config/config.h"
#include "lb/dataplane/objects.h"
#include "lb/result.h"

namespace weir {

// Whether a loaded program uses a map: how an instance knows its own.
bool program_uses_map(int program, std::uint32_t map_id);

// The id of a map, 0 if the descriptor is none.
std::uint32_t map_id_of(int map);

// Whether an XDP program that uses `flows_map_id` is on the interface.
bool xdp_is_attached(unsigned ifindex, std::uint32_t flows_map_id);

// Puts the XDP program on an interface, in place of one that uses `flows_map_id`. Fails when a
// program that cannot share the interface is there already, or the driver lacks the mode.
Result<void> xdp_attach(Objects &objects, const std::string &interface, unsigned ifindex,
                        XdpMode mode, std::uint32_t flows_map_id);

// Takes the XDP program that uses `flows_map_id` off an interface. False: there was none.
Result<bool> xdp_detach(const std::string &interface, unsigned ifindex, std::uint32_t flows_map_id);

}  // namespace weir
