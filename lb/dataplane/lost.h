// Programs of Weir's without tables: who unmounts the bpffs takes the pins along, and the programs
// stay on their interfaces. Whose they were cannot be told.
#pragma once

#include <string>
#include <vector>

namespace weir {

struct LostPrograms {
    std::string interface;
    bool tc = false;
    bool xdp = false;  // alone: libxdp's dispatcher loses them with its own pins
};

// Those of the interfaces of this network namespace that use no tables pinned on this host,
// whatever the instance.
std::vector<LostPrograms> find_lost_programs();

}  // namespace weir
