// Conditions of some services among those of all.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "lb/model/roster.h"

namespace weir {

// Those of one service: from first to before second.
std::pair<Conditions::const_iterator, Conditions::const_iterator> of_service(
    const Conditions &all, const std::string &service);
// Puts what `now` says of some services in place of what `all` has of them, and returns that.
Conditions replace_services(Conditions &all, const std::set<std::string> &services, Conditions now);

}  // namespace weir
