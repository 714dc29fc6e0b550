#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lb/config/schema.h"
#include "lb/config/vips.h"

namespace weir {

namespace {

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
    std::unordered_map<std::string_view, const ServiceConfig *> names;
    names.reserve(config.services.size());
    for (const ServiceConfig &service : config.services) {
        const auto [first, is_new] = names.emplace(service.name, &service);
        if (!is_new)
            problems.add(service.mark, fmt::format("duplicate service name '{}' (first at line {})",
                                                   service.name, first->second->mark.line));
    }
}

Vips check_vips(Problems &problems, const Config &config) {
    Vips vips;
    vips.reserve(config.services.size());
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

void check_duplicates(Problems &problems, const ServiceConfig &service) {
    std::vector<Endpoint> sorted;
    sorted.reserve(service.backends.size());
    for (const BackendConfig &backend : service.backends)
        sorted.push_back(backend.endpoint);
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end())
        return;
    std::map<Endpoint, const BackendConfig *> endpoints;
    for (const BackendConfig &backend : service.backends) {
        const auto [first, is_new] = endpoints.emplace(backend.endpoint, &backend);
        if (!is_new)
            problems.add(
                backend.mark,
                fmt::format("service '{}', backend {}: duplicate backend (first at line "
                            "{})",
                            service.name, backend.endpoint.to_string(), first->second->mark.line));
    }
}

// `find`: the service whose VIP that is, if there is one.
template <typename Find>
void check_backends(Problems &problems, const ServiceConfig &service, Find find) {
    for (const BackendConfig &backend : service.backends) {
        const auto what = [&] {
            return fmt::format("service '{}', backend {}", service.name,
                               backend.endpoint.to_string());
        };
        if (service.mode == Mode::dnat &&
            backend.endpoint.address.is_v4() != service.vip.address.is_v4())
            problems.add(
                backend.mark,
                fmt::format("{}: mode {} needs a backend of the VIP's family, that of {}", what(),
                            to_string(service.mode), service.vip.address.to_string()));
        const ServiceConfig *vip = find(service.protocol, backend.endpoint);
        if (vip != nullptr)
            problems.add(backend.mark,
                         fmt::format("{}: this is the VIP of service '{}' at line {}; its packets "
                                     "would go round in circles",
                                     what(), vip->name, vip->mark.line));
    }
}

// A backend sees the SNAT address as its client, so it needs one of its own family.
void check_snat_family(Problems &problems, const Config &config, const ServiceConfig &service) {
    if (service.mode != Mode::fullnat)
        return;
    for (const BackendConfig &backend : service.backends) {
        const Address &address = backend.endpoint.address;
        const auto &pool = config.snat.addresses;
        if (std::none_of(pool.begin(), pool.end(), [&](const SnatAddress &one) {
                return one.address.is_v4() == address.is_v4();
            }))
            problems.add(backend.mark,
                         fmt::format("service '{}', backend {}: mode fullnat needs an {} "
                                     "address under snat.addresses",
                                     service.name, backend.endpoint.to_string(), address.family()));
    }
}

void check_snat_addresses(Problems &problems, const Config &config) {
    std::map<Address, const SnatAddress *> pool;
    std::size_t of_v4 = 0;
    for (const SnatAddress &one : config.snat.addresses) {
        const auto [first, is_new] = pool.emplace(one.address, &one);
        of_v4 += one.address.is_v4() ? 1U : 0U;
        if (!is_new)
            problems.add(one.mark, fmt::format("snat: duplicate address {} (first at line {})",
                                               one.address.to_string(), first->second->mark.line));
        if (of_v4 > kMostSnatAddresses || pool.size() - of_v4 > kMostSnatAddresses)
            problems.add(one.mark, fmt::format("snat: more than {} {} addresses",
                                               kMostSnatAddresses, one.address.family()));
    }
    if (pool.empty())
        return;
    const auto clash = [&](const Address &address, std::string_view what,
                           const ServiceConfig &service, const Mark &mark) {
        const auto found = pool.find(address);
        if (found != pool.end())
            problems.add(found->second->mark,
                         fmt::format("snat: address {} is the {} of service '{}' at line {}; the "
                                     "SNAT pool needs addresses of its own",
                                     address.to_string(), what, service.name, mark.line));
    };
    for (const ServiceConfig &service : config.services) {
        clash(service.vip.address, "VIP", service, service.mark);
        for (const BackendConfig &backend : service.backends)
            clash(backend.endpoint.address, "backend", service, backend.mark);
    }
}

void check_source_ranges(Problems &problems, const Config &config) {
    std::size_t entries = 0;
    for (const ServiceConfig &service : config.services) {
        if (service.source_ranges.empty())
            continue;
        std::map<Prefix, const SourceRange *> prefixes;
        entries += service.source_ranges.size() + 1;
        for (const SourceRange &range : service.source_ranges) {
            const auto [first, is_new] = prefixes.emplace(range.prefix, &range);
            const std::string what =
                fmt::format("service '{}', source range {}", service.name, range.to_string());
            if (!is_new)
                problems.add(range.mark,
                             fmt::format("{}: duplicate of {} at line {}", what,
                                         first->second->to_string(), first->second->mark.line));
            if (range.prefix.address.is_v4() != service.vip.address.is_v4())
                problems.add(range.mark, fmt::format("{}: not of the VIP's family, that of {}",
                                                     what, service.vip.address.to_string()));
        }
        if (entries > kMostSourceRanges)
            problems.add(service.mark,
                         fmt::format("service '{}': with its source_ranges and one more for each "
                                     "service that has any, there are more than {}",
                                     service.name, kMostSourceRanges));
    }
}

void check_health(Problems &problems, const ServiceConfig &service) {
    std::size_t primaries = 0;
    for (const BackendConfig &backend : service.backends) {
        primaries += backend.fallback ? 0U : 1U;
        if (!service.health_check && (backend.check_address || backend.check_port))
            problems.add(backend.mark,
                         fmt::format("service '{}', backend {}: health_check says where to "
                                     "check, and the service has no health_check",
                                     service.name, backend.endpoint.to_string()));
    }
    if (primaries == 0)
        problems.add(service.mark,
                     fmt::format("service '{}': every backend is a fallback", service.name));
    if (service.min_active > primaries)
        problems.add(service.mark,
                     fmt::format("service '{}': min_active is {}, and there are {} backends "
                                 "beside fallbacks",
                                 service.name, service.min_active, primaries));
    const bool hashes =
        service.scheduler == Scheduler::maglev || service.scheduler == Scheduler::source_hash;
    if (service.ring_size != 0 && !hashes)
        problems.add(service.mark,
                     fmt::format("service '{}': ring_size is for the schedulers maglev and "
                                 "source-hash",
                                 service.name));
    if (service.ring_size != 0 && service.ring_size < service.backends.size())
        problems.add(service.mark,
                     fmt::format("service '{}': ring_size is {}, below the number "
                                 "of its backends ({})",
                                 service.name, service.ring_size, service.backends.size()));
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

void check_listens(Problems &problems, const Config &config) {
    const auto &tcp = config.api_tcp;
    if (tcp && config.metrics && tcp->listen == *config.metrics)
        problems.add(tcp->listen_mark, fmt::format("api: listen is {}, as metrics.listen is",
                                                   tcp->listen.to_string()));
}

// Packets of a service never come to a listener.
void check_listeners(Problems &problems, const Config &config) {
    if (!config.sockets)
        return;
    for (const ListenerConfig &listener : config.sockets->listeners)
        for (const ServiceConfig &service : config.services)
            if (listener.protocol == service.protocol &&
                listener.ports.contains(service.vip.port) &&
                listener.addresses.contains(service.vip.address))
                problems.add(
                    listener.mark,
                    fmt::format("sockets: the listener {} contains {}/{}, which is service "
                                "'{}' at line {}",
                                listener.to_string(), service.vip.to_string(),
                                to_string(service.protocol), service.name, service.mark.line));
}

}  // namespace

void validate_config(Problems &problems, const Config &config) {
    check_interfaces(problems, config);
    check_names(problems, config);
    const Vips vips = check_vips(problems, config);
    const auto find = [&](Protocol protocol, const Endpoint &endpoint) {
        const auto found = vips.find({protocol, endpoint});
        return found == vips.end() ? nullptr : found->second;
    };
    for (const ServiceConfig &service : config.services) {
        check_duplicates(problems, service);
        check_backends(problems, service, find);
    }
    for (const ServiceConfig &service : config.services)
        check_health(problems, service);
    check_source_ranges(problems, config);
    check_snat_addresses(problems, config);
    for (const ServiceConfig &service : config.services)
        check_snat_family(problems, config, service);
    check_counts(problems, config);
    check_listens(problems, config);
    check_listeners(problems, config);
}

void validate_change(Problems &problems, const Config &config,
                     const std::vector<std::size_t> &places) {
    const auto find = [&](Protocol protocol, const Endpoint &endpoint) {
        const auto found = std::find_if(
            config.services.begin(), config.services.end(), [&](const ServiceConfig &service) {
                return service.vip == endpoint && service.protocol == protocol;
            });
        return found == config.services.end() ? nullptr : &*found;
    };
    for (const std::size_t place : places) {
        const ServiceConfig &service = config.services.at(place);
        check_duplicates(problems, service);
        check_backends(problems, service, find);
        check_health(problems, service);
        check_snat_family(problems, config, service);
    }
    check_source_ranges(problems, config);
    check_snat_addresses(problems, config);
    check_counts(problems, config);
}

}  // namespace weir
