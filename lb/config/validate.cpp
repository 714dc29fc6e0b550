#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "lb/config/schema.h"

namespace weir {

namespace {

using Vips = std::map<std::pair<Protocol, Endpoint>, const ServiceConfig *>;

void check_interfaces(Problems &problems, const Config &config) {
    std::map<std::string_view, const InterfaceConfig *> names;
    for (const InterfaceConfig &interface : config.interfaces) {
        const auto [first, is_new] = names.emplace(interface.name, &interface);
        if (!is_new)
            problems.add(interface.mark, fmt::format("duplicate interface '{}' (first at line {})",
                                                     interface.name, first->second->mark.line));
    }
}

void check_names(Problems &problems, const Config &config) {
    std::map<std::string_view, const ServiceConfig *> names;
    for (const ServiceConfig &service : config.services) {
        const auto [first, is_new] = names.emplace(service.name, &service);
        if (!is_new)
            problems.add(service.mark, fmt::format("duplicate service name '{}' (first at line {})",
                                                   service.name, first->second->mark.line));
    }
}

Vips check_vips(Problems &problems, const Config &config) {
    Vips vips;
    for (const ServiceConfig &service : config.services) {
        const auto [first, is_new] =
            vips.emplace(std::pair(service.protocol, service.vip), &service);
        if (!is_new)
            problems.add(service.mark,
                         fmt::format("service '{}' has the same VIP, port and protocol as service "
                                     "'{}' at line {}: {}/{}",
                                     service.name, first->second->name, first->second->mark.line,
                                     service.vip.to_string(), to_string(service.protocol)));
    }
    return vips;
}

void check_backends(Problems &problems, const ServiceConfig &service, const Vips &vips) {
    std::map<Endpoint, const BackendConfig *> endpoints;
    for (const BackendConfig &backend : service.backends) {
        const std::string what =
            fmt::format("service '{}', backend {}", service.name, backend.endpoint.to_string());
        const auto [first, is_new] = endpoints.emplace(backend.endpoint, &backend);
        if (!is_new)
            problems.add(backend.mark, fmt::format("{}: duplicate backend (first at line {})", what,
                                                   first->second->mark.line));
        if (backend.endpoint.address.is_v4() != service.vip.address.is_v4())
            problems.add(
                backend.mark,
                fmt::format("{}: mode {} needs a backend of the VIP's family, that of {}", what,
                            to_string(service.mode), service.vip.address.to_string()));
        const auto vip = vips.find({service.protocol, backend.endpoint});
        if (vip != vips.end())
            problems.add(backend.mark,
                         fmt::format("{}: this is the VIP of service '{}' at line {}; its packets "
                                     "would go round in circles",
                                     what, vip->second->name, vip->second->mark.line));
    }
}

void check_counts(Problems &problems, const Config &config) {
    const Limits &limits = config.limits;
    if (config.services.size() > limits.services)
        problems.add(config.services[limits.services].mark,
                     fmt::format("{} services are more than limits.services ({})",
                                 config.services.size(), limits.services));
    std::size_t backends = 0;
    const BackendConfig *over = nullptr;
    for (const ServiceConfig &service : config.services)
        for (const BackendConfig &backend : service.backends)
            if (++backends == std::size_t{limits.backends} + 1)
                over = &backend;
    if (over != nullptr)
        problems.add(over->mark, fmt::format("{} backends are more than limits.backends ({})",
                                             backends, limits.backends));
}

}  // namespace

void validate_config(Problems &problems, const Config &config) {
    check_interfaces(problems, config);
    check_names(problems, config);
    const Vips vips = check_vips(problems, config);
    for (const ServiceConfig &service : config.services)
        check_backends(problems, service, vips);
    check_counts(problems, config);
}

}  // namespace weir
