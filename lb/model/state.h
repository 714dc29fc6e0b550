// What the tables hold, as values: the services, their backends and the ids under which the data
// path knows them. Names are not in it; they belong to the configuration.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "lb/config/config.h"
#include "lb/model/roster.h"
#include "lb/net/address.h"

namespace weir {

struct BackendRow {
    std::uint32_t id = 0;
    Endpoint endpoint;
    std::uint32_t weight = 0;  // of its share of new flows, now; 0: none
    std::uint32_t share = 0;   // the weight that it has in full; what it lacks of that, others take
    BackendState state = BackendState::active;
    OnDown flows = OnDown::keep;  // what becomes of those it has

    bool operator==(const BackendRow &) const = default;
};

// What the data path is told about a service beside its backends.
struct PolicyRow {
    Mode mode = Mode::dnat;
    bool restricted = false;       // its ranges decide who may open flows
    std::uint32_t affinity_s = 0;  // 0: none
    ServiceLimits limits;
    Scheduler scheduler = Scheduler::maglev;

    bool operator==(const PolicyRow &) const = default;
};

// Client addresses by their first bits, 0..128 of the form that Address keeps (an IPv4 /n is 96+n).
struct RangeKey {
    std::uint8_t bits = 0;
    Address address;  // zero after `bits`

    auto operator<=>(const RangeKey &) const = default;
};

// Who is let in. A restricted service has a range of no bits: what is true of everyone else.
using Ranges = std::map<RangeKey, bool>;

struct ServiceRow {
    std::uint32_t id = 0;
    Endpoint vip;
    Protocol protocol = Protocol::tcp;
    std::vector<BackendRow> backends;
    PolicyRow policy{};
    Ranges ranges{};
    std::uint32_t ring_slots = 0;  // maglev, source-hash; 0 for the others

    bool operator==(const ServiceRow &) const = default;
};

// How many services, or backends, have an address.
using AddressCounts = std::map<Address, std::uint32_t>;

struct TableState {
    std::vector<ServiceRow> services;
    AddressCounts vips{};
    AddressCounts backend_addresses{};
    // Backends of no service: what a daemon left that was killed in the middle of a change.
    std::vector<std::uint32_t> orphans{};
    // Ranges of no service, for the same reason, under the id of one that was.
    std::vector<std::pair<std::uint32_t, RangeKey>> orphan_ranges{};

    bool operator==(const TableState &) const = default;
};

}  // namespace weir
