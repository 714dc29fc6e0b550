// An inventory after a change of some services.
#pragma once

#include <vector>

#include "lb/config/config.h"
#include "lb/model/state.h"
#include "lb/stats/snapshot.h"

namespace weir {

// Only these services have changed; the inventory, the configuration and the tables have the same
// ones in the same order.
void update_inventory(Inventory &inventory, const Config &config, const TableState &tables,
                      const std::vector<std::size_t> &places);

}  // namespace weir
