// TC programs on one interface, on its clsact qdisc.
#pragma once

#include <cstdint>
#include <string>

#include "lb/result.h"

namespace weir {

enum class TcSide { ingress, egress };

// Whether a program that uses `flows_map_id` is on the side.
bool tc_is_attached(unsigned ifindex, TcSide side, std::uint32_t flows_map_id);

// Whether any TC program that uses `flows_map_id` is loaded: one that is on an interface of
// whatever network namespace is. The kernel frees it a moment after it was taken off or the
// interface went.
bool tc_is_loaded(std::uint32_t flows_map_id);

// Puts a program on a side, in place of one that uses `flows_map_id`; makes the qdisc if needed.
Result<void> tc_attach(const std::string &interface, unsigned ifindex, TcSide side, int program,
                       std::uint32_t flows_map_id);

// Takes the program that uses `flows_map_id` off a side. False: there was none.
Result<bool> tc_detach(const std::string &interface, unsigned ifindex, TcSide side,
                       std::uint32_t flows_map_id);

// Removes the clsact qdisc if no filter is left on it.
Result<void> tc_remove_empty_clsact(const std::string &interface, unsigned ifindex);

}  // namespace weir
