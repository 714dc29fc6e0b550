// `weir run`: from a configuration to a running daemon.
#pragma once

#include <string>

#include "lb/result.h"

namespace weir {

// Runs until SIGTERM or SIGINT; SIGHUP reloads `config_file`. The data path stays attached and
// pinned when it returns (I7), unless it failed to start: then nothing is left behind.
Result<void> run_daemon(const std::string &config_file);

}  // namespace weir
