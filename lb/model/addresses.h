// How many services and backends have an address, and what is to be written when that changes.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "lb/model/plan.h"
#include "lb/model/state.h"

namespace weir {

AddressCounts count_vips(const std::vector<ServiceRow> &services);
AddressCounts count_backend_addresses(const std::vector<ServiceRow> &services);

// By how many an address has more; 0: as many.
using AddressChanges = std::map<Address, std::int64_t>;
void count_backends(const ServiceRow &service, std::int64_t each, AddressChanges &changes);

void plan_addresses(const AddressCounts &before, const AddressCounts &after,
                    std::vector<AddressWrite> &set, std::vector<Address> &remove);

}  // namespace weir
