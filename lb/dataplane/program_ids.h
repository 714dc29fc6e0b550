// How an instance knows its programs: by a map that they use and no others do.
#pragma once

#include <cstdint>
#include <vector>

namespace weir {

// Ids of maps. More than one while tables of another layout are replaced.
using MapIds = std::vector<std::uint32_t>;

// Whether a loaded program uses one of the maps.
bool program_uses_map(int program, const MapIds &maps);

// The id of a map, 0 if the descriptor is none.
std::uint32_t map_id_of(int map);

}  // namespace weir
