// The other end of a response that comes bit by bit.
#pragma once

#include <functional>
#include <string>

#include "lb/api/tls_client.h"
#include "lb/result.h"

namespace weir {

using OnLines = std::function<bool(const std::string &lines)>;

// GET over the Unix socket; calls `begun` when the daemon has agreed, and `on_lines` with one or
// more whole lines as they come, until that returns false or the daemon ends the answer. Errors as
// of api_call().
Result<void> api_stream(const std::string &socket, const std::string &target,
                        const std::function<void()> &begun, const OnLines &on_lines);
// The same over TCP.
Result<void> api_stream(const TlsServer &server, const std::string &target,
                        const std::function<void()> &begun, const OnLines &on_lines);

}  // namespace weir
