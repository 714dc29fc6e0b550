// The maps of the data path that outlive a daemon: which they are, how large, and where their pins
// go. For objects.cpp, which has the skeleton.
#pragma once

#include <filesystem>
#include <optional>

#include "bpf/abi.h"
#include "lb/config/config.h"
#include "lb/result.h"
// The skeleton names the types of abi.h.
#include "tc.skel.h"

namespace weir {

// Not scratch space of a single packet, which is nobody's to adopt.
bool is_pinned(const weir_tc &skeleton, const bpf_map *map);

// Before they are made.
void set_sizes(const weir_tc &skeleton, const Limits &limits);

// Sets the places of the pins; the maps that can be shared (ObjectsOptions::share) with those
// pinned in `from` are pinned there before libbpf looks.
Result<void> place_pins(const weir_tc &skeleton, const std::filesystem::path &pins,
                        const std::optional<std::filesystem::path> &from);
// The same for one map of an object; `shareable` says whether it may be shared at all.
Result<void> place_pin(const bpf_object *object, bpf_map *map, bool shareable,
                       const std::filesystem::path &pins,
                       const std::optional<std::filesystem::path> &from);

}  // namespace weir
