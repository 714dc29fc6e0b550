#include "lb/doctor/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace weir {

std::string_view to_string(Severity severity) {
    switch (severity) {
        case Severity::ok:
            return "ok";
        case Severity::skip:
            return "skip";
        case Severity::warn:
            return "warn";
        case Severity::fail:
            break;
    }
    return "fail";
}

bool Patient::serves(bool v4) const {
    if (config == nullptr)
        return true;
    return std::any_of(config->services.begin(), config->services.end(),
                       [&](const ServiceConfig &service) {
                           return service.vip.address.is_v4() == v4 ||
                                  std::any_of(service.backends.begin(), service.backends.end(),
                                              [&](const BackendConfig &backend) {
                                                  return backend.endpoint.address.is_v4() == v4;
                                              });
                       });
}

std::string sysctl_command(const std::string &path, const std::string &value) {
    std::string key = path;
    // sysctl(8) takes slashes as they are when the first separator is one
    if (key.find('.') == std::string::npos)
        std::replace(key.begin(), key.end(), '/', '.');
    const auto *quote = value.find(' ') == std::string::npos ? "" : "\"";
    return fmt::format("sysctl -w {}={}{}{}", key, quote, value, quote);
}

Findings diagnose(const HostFacts &host, const Config *config) {
    constexpr std::array kChecks{
        check_kernel,    check_privileges, check_memory,       check_flow_tables, check_conntrack,
        check_instances, check_forwarding, check_reverse_path, check_links,       check_mtu,
        check_offloads,  check_snat,       check_vips,         check_routes,      check_sockets};
    const Patient patient{host, config};
    Findings findings;
    for (const auto &check : kChecks)
        check(patient, findings);
    return findings;
}

}  // namespace weir
