// The words for what a backend is.
#include "lb/model/overrides.h"
#include "lb/model/roster.h"

namespace weir {

std::string_view to_string(Admin admin) {
    switch (admin) {
        case Admin::enabled:
            return "enabled";
        case Admin::drain:
            return "drain";
        case Admin::maintenance:
            break;
    }
    return "maintenance";
}

std::optional<Admin> parse_admin(std::string_view text) {
    for (const Admin admin : {Admin::enabled, Admin::drain, Admin::maintenance})
        if (text == to_string(admin))
            return admin;
    return std::nullopt;
}

std::string_view to_string(BackendState state) {
    switch (state) {
        case BackendState::active:
            return "active";
        case BackendState::draining:
            return "draining";
        case BackendState::down:
            return "down";
        case BackendState::maintenance:
            break;
    }
    return "maintenance";
}

std::string_view to_string(Health health) {
    switch (health) {
        case Health::unchecked:
            return "unchecked";
        case Health::unknown:
            return "unknown";
        case Health::up:
            return "up";
        case Health::down:
            break;
    }
    return "down";
}

}  // namespace weir
