// A daemon's state that no kernel is needed for.
#pragma once

#include "lb/health/check_times.h"
#include "lb/stats/history.h"
#include "lb/stats/snapshot.h"

namespace weir::test {

// Two services, three backends, every number different.
Snapshot sample_snapshot();
// Sockets of local programs, with something of every kind.
SocketSnapshot sample_sockets();
DaemonInfo sample_info();
// Of its backends: the first is up, the second down, the third not checked.
std::optional<BackendView> sample_view(const BackendKey &key);
// Of its first service: two checks passed, one failed, one could not be made.
AllCheckTimes sample_checks();
// Three samples of its services: web is cleared before the second, dns comes with it.
History sample_history();
// The services of sample_snapshot(), with ids 7 and 9.
Inventory sample_inventory();

}  // namespace weir::test
