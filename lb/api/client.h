// The other end of the admin API: one request over the Unix socket.
#pragma once

#include <string>

#include "lb/api/documents.h"
#include "lb/result.h"

namespace weir {

// GET `target`. Exit::refused when no daemon answers within some seconds, Exit::usage when it
// refuses the request.
Result<Json> api_get(const std::string &socket, const std::string &target);

}  // namespace weir
