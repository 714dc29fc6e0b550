// What a PATCH of a backend asks for.
#pragma once

#include <string>

#include "lb/model/overrides.h"
#include "lb/result.h"

namespace weir {

// `current` with what `body` says over it: {"admin": "enabled" | "drain" | "maintenance", "weight":
// 0..65535 | null}, of which a key that is left out changes nothing and null removes the weight
// (JSON merge patch, RFC 7396). Exit::usage for anything else.
Result<Override> apply_change(const Override &current, const std::string &body);

}  // namespace weir
