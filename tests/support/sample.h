// A daemon's state that no kernel is needed for.
#pragma once

#include "lb/stats/snapshot.h"

namespace weir::test {

// Two services, three backends, every number different.
Snapshot sample_snapshot();
DaemonInfo sample_info();
// The services of sample_snapshot(), with ids 7 and 9.
Inventory sample_inventory();

}  // namespace weir::test
