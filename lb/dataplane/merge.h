// One entry of tables that are taken over, put beside what packets have made of the new ones.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "lb/dataplane/objects.h"
#include "lb/result.h"

namespace weir {

// What an entry of the tables that are copied to may be.
enum class NewTables {
    copied,  // a copy from these very old ones, which no packet has met: they know better
    mixed,   // also from others, or made by packets; closed flows are still to come
    in_use,  // the same, and those have come
};

// Where else the tuple of an entry may be a key; descriptors, -1 where there is none.
struct Siblings {
    // A flow is in one of two tables of its family, before its promotion and after it: the other
    // one.
    int same = -1;
    // Those of the other family, of which either may have an IPv4 tuple.
    std::array<int, 2> crossed{-1, -1};
};
Siblings siblings_of(const Table &table, const Objects &objects);

// Writes one entry; of a flow, with where else it may be. False: it was there already, and as
// good. One that stays beside an old one of the same flow is as young as that. A closed flow that
// is not in tables in use was copied before, and its client has started over since: written again,
// it would meet a packet of the new one.
Result<bool> put_entry(const Table &to, const Siblings *siblings, NewTables tables,
                       const std::vector<std::byte> &key, const std::vector<std::byte> &value);

}  // namespace weir
