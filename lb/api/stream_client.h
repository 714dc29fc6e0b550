// The other end of a response that comes bit by bit.
#pragma once

#include <functional>
#include <string>

#include "lb/result.h"

namespace weir {

// GET over the Unix socket; calls `begun` when the daemon has agreed, and `on_lines` with one or more whole lines as they come, until that
// returns false or the daemon ends the answer. Errors as of api_call().
Result<void> api_stream(const std::string &socket, const std::string &target,
                        const std::function<void()> &begun,
                        const std::function<bool(const std::string &lines)> &on_lines);

}  // namespace weir
