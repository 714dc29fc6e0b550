// What the daemon itself needs, where `sockets.deny` is for it as well.
#pragma once

#include "lb/config/config.h"
#include "lb/result.h"

namespace weir {

// Exit::usage where `sockets.deny` holds a kind of socket that the daemon makes, and the daemon is
// in the cgroup that it is for. What programs of exec checks make nobody knows.
Result<void> check_own_sockets(const Config &config);

}  // namespace weir
