// Which services a change is about, so that the others need not be looked at.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lb/config/config.h"

namespace weir {

// Places in Config::services, ascending. None: every service may be affected.
using Affected = std::optional<std::vector<std::size_t>>;

// Wherever in their files they stand.
bool says_the_same(const ServiceConfig &a, const ServiceConfig &b);
// Those that `wanted` has otherwise than `running`. None when not every service is at the place
// where it was: one came, went, or has another name or VIP.
Affected changed_services(const Config &running, const Config &wanted);
// Those of these names, as far as there are any.
std::vector<std::size_t> services_named(const Config &config, const std::set<std::string> &names);

std::set<std::string> names_of(const Config &config, const std::vector<std::size_t> &places);

// Calls visit() with each affected service of a configuration.
template <typename Visit>
void for_affected(const Config &config, const Affected &affected, Visit visit) {
    if (!affected)
        for (const ServiceConfig &service : config.services)
            visit(service);
    else
        for (const std::size_t place : *affected)
            visit(config.services.at(place));
}

}  // namespace weir
