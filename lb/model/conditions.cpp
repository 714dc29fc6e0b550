#include "lb/model/conditions.h"

#include <algorithm>

namespace weir {

std::pair<Conditions::const_iterator, Conditions::const_iterator> of_service(
    const Conditions &all, const std::string &service) {
    const auto begin = all.lower_bound({service, {}});
    return {begin, std::find_if(begin, all.end(),
                                [&](const auto &one) { return one.first.service != service; })};
}

Conditions replace_services(Conditions &all, const std::set<std::string> &services,
                            Conditions now) {
    Conditions before;
    for (const std::string &service : services) {
        auto [one, end] = of_service(all, service);
        while (one != end)
            before.insert(all.extract(one++));
    }
    all.merge(now);
    return before;
}

}  // namespace weir
