// weir replay, as a function.
#pragma once

#include "lb/replay/replay.h"

namespace weir {

// Replays, tells on stderr how it went, and returns the exit status: Exit::failed when the output
// differs from what was expected.
int replay_command(const ReplayOptions &options);

}  // namespace weir
