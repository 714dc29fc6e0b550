// What the tables hold, as values: the services, their backends and the ids under which the data
// path knows them. Names are not in it; they belong to the configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lb/net/address.h"

namespace weir {

struct BackendRow {
    std::uint32_t id = 0;
    Endpoint endpoint;
    std::uint32_t weight = 0;

    bool operator==(const BackendRow &) const = default;
};

struct ServiceRow {
    std::uint32_t id = 0;
    Endpoint vip;
    Protocol protocol = Protocol::tcp;
    std::vector<BackendRow> backends;

    bool operator==(const ServiceRow &) const = default;
};

struct TableState {
    std::vector<ServiceRow> services;
    // Backends of no service: what a daemon left that was killed in the middle of a change.
    std::vector<std::uint32_t> orphans;

    bool operator==(const TableState &) const = default;
};

}  // namespace weir
