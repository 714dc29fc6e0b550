// The difference between what the tables hold and what the configuration wants, as a list of writes
// in an order that never shows a packet a half-built service (I10). Pure: no kernel here.
#pragma once

#include <cstdint>
#include <vector>

#include "lb/config/config.h"
#include "lb/model/state.h"
#include "lb/result.h"

namespace weir {

struct BackendWrite {
    std::uint32_t service = 0;  // id
    BackendRow backend;
};

struct RingWrite {
    std::uint32_t service = 0;         // id
    std::vector<std::uint32_t> slots;  // backend ids; empty: the service takes no new flows
};

struct RangeWrite {
    std::uint32_t service = 0;  // id
    RangeKey key;
    bool allow = false;  // of no meaning where it is removed
};

struct AddressWrite {
    Address address;
    std::uint32_t count = 0;
};

// Applied from top to bottom.
struct Plan {
    // Left by a crash, under ids that this plan may give away again.
    std::vector<RangeWrite> remove_orphan_ranges;
    std::vector<BackendWrite> set_backends;
    std::vector<AddressWrite> set_backend_addresses;
    std::vector<RingWrite> set_rings;
    // Those that take no new flows any more: after the ring that leaves them out.
    std::vector<BackendWrite> lower_backends;
    // The longest prefixes first: exceptions are there before what they are exceptions to.
    std::vector<RangeWrite> set_ranges;
    std::vector<AddressWrite> set_vips;
    std::vector<ServiceRow> set_services;  // all but its backends and ranges
    std::vector<ServiceRow> remove_services;
    std::vector<Address> remove_vips;
    std::vector<RangeWrite> remove_ranges;    // the shortest prefixes first
    std::vector<std::uint32_t> remove_rings;  // service ids
    std::vector<std::uint32_t> remove_backends;
    std::vector<Address> remove_backend_addresses;
    // Ids that come into use with this plan: their counters start at zero.
    std::vector<std::uint32_t> fresh_services;
    std::vector<std::uint32_t> fresh_backends;

    TableState result;  // what the tables hold afterwards, in the order of the configuration
    bool empty() const;
};

// Which rings a plan writes. `all` when a crash may have left a ring that does not fit its
// backends.
enum class RingScope { changed, all };

// Ids stay with their service and backend; new ones follow the highest in use. Old flows of a
// backend that was removed count under its id until they end, whoever has it by then. Fails
// (Exit::usage) when `limits` cannot hold what is wanted. A backend without a condition is as it is
// configured.
Result<Plan> make_plan(const TableState &current, const Config &desired,
                       RingScope scope = RingScope::changed, const Conditions &conditions = {});

}  // namespace weir
