// What an operator changed at run time, over the configuration: kept in the state file, shown, and
// removable.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lb/net/address.h"

namespace weir {

// A backend by the name of its service and by where it serves.
struct BackendKey {
    std::string service;
    Endpoint endpoint;

    auto operator<=>(const BackendKey &) const = default;
};

enum class Admin {
    enabled,
    drain,        // no new flows; those there are live until they are idle or drain_timeout is over
    maintenance,  // no new flows, not checked; those there end as on_down says
};

std::string_view to_string(Admin admin);  // "enabled", "drain", "maintenance"
std::optional<Admin> parse_admin(std::string_view text);

struct Override {
    Admin admin = Admin::enabled;
    std::optional<std::uint32_t> weight{};  // 0..65535, in place of the configured one

    bool operator==(const Override &) const = default;
    // Says nothing: what the configuration has is in force.
    bool empty() const { return admin == Admin::enabled && !weight; }
};

// Without empty ones. Those of backends that the configuration does not name stay, for it may name
// them again.
using Overrides = std::map<BackendKey, Override>;

}  // namespace weir
