#include "lb/config/affected.h"

#include <algorithm>
#include <tuple>

namespace weir {

namespace {

bool is_the_same(const ServiceConfig &a, const ServiceConfig &b) {
    return a.vip == b.vip && a.protocol == b.protocol && a.name == b.name;
}

// All that is said, and not where. The bindings do not compile when there is another field.
auto content(const BackendConfig &backend) {
    const auto &[endpoint, weight, fallback, check_address, check_port, mark] = backend;
    return std::tie(endpoint, weight, fallback, check_address, check_port);
}

auto content(const SourceRange &range) {
    const auto &[prefix, allow, mark] = range;
    return std::tie(prefix, allow);
}

auto content(const ServiceConfig &service) {
    const auto &[name, vip, protocol, mode, scheduler, ring_size, slow_start, health_check, on_down,
                 drain_timeout, min_active, affinity, ranges, announce, limits, backends, mark] =
        service;
    return std::tie(name, vip, protocol, mode, scheduler, ring_size, slow_start, health_check,
                    on_down, drain_timeout, min_active, affinity, announce, limits);
}

template <typename Items>
bool have_same_content(const Items &a, const Items &b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const auto &x, const auto &y) { return content(x) == content(y); });
}

}  // namespace

bool says_the_same(const ServiceConfig &a, const ServiceConfig &b) {
    return content(a) == content(b) && have_same_content(a.source_ranges, b.source_ranges) &&
           have_same_content(a.backends, b.backends);
}

Affected changed_services(const Config &running, const Config &wanted) {
    if (running.services.size() != wanted.services.size())
        return std::nullopt;
    std::vector<std::size_t> changed;
    for (std::size_t i = 0; i < wanted.services.size(); ++i) {
        if (!is_the_same(running.services[i], wanted.services[i]))
            return std::nullopt;
        if (!says_the_same(running.services[i], wanted.services[i]))
            changed.push_back(i);
    }
    return changed;
}

std::vector<std::size_t> services_named(const Config &config, const std::set<std::string> &names) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < config.services.size() && found.size() < names.size(); ++i)
        if (names.count(config.services[i].name) != 0)
            found.push_back(i);
    return found;
}

std::set<std::string> names_of(const Config &config, const std::vector<std::size_t> &places) {
    std::set<std::string> names;
    for (const std::size_t place : places)
        names.insert(config.services.at(place).name);
    return names;
}

}  // namespace weir
