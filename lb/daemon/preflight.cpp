#include "lb/daemon/preflight.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>
#include <net/if.h>

#include <algorithm>
#include <fstream>
#include <string_view>

namespace weir {
namespace {

bool has(std::uint64_t capabilities, unsigned bit) {
    return (capabilities >> bit & 1) != 0;
}

// From /proc/self/status; none when it cannot be read.
std::uint64_t effective_capabilities() {
    constexpr std::string_view kKey = "CapEff:";
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.compare(0, kKey.size(), kKey) == 0)
            return std::stoull(line.substr(kKey.size()), nullptr, 16);
    return 0;
}

}  // namespace

std::vector<std::string> missing_capabilities(std::uint64_t effective) {
    const bool admin = has(effective, CAP_SYS_ADMIN);
    std::vector<std::string> missing;
    if (!admin && !has(effective, CAP_BPF))
        missing.emplace_back("CAP_BPF");
    if (!has(effective, CAP_NET_ADMIN))
        missing.emplace_back("CAP_NET_ADMIN");
    if (!admin && !has(effective, CAP_PERFMON))
        missing.emplace_back("CAP_PERFMON");
    return missing;
}

Result<void> check_privilege(const std::string &command) {
    const auto missing = missing_capabilities(effective_capabilities());
    if (missing.empty())
        return {};
    return fail(Exit::refused,
                fmt::format("{} needs {}: run it as root", command, fmt::join(missing, " and ")));
}

Result<void> check_interfaces(const Config &config) {
    if (config.interfaces.empty())
        return fail(Exit::usage,
                    fmt::format("{}: no interface is configured: name at least one under "
                                "`interfaces`",
                                config.file));
    const bool any = std::any_of(
        config.interfaces.begin(), config.interfaces.end(),
        [](const auto &interface) { return if_nametoindex(interface.name.c_str()) != 0; });
    if (any)
        return {};
    const auto &first = config.interfaces.front();
    return fail(Exit::refused,
                config.interfaces.size() == 1
                    ? fmt::format("{}: interface {} does not exist (ip link shows those that do)",
                                  place(config.file, first.mark), first.name)
                    : fmt::format("{}: of the interfaces none exists (ip link shows those that do)",
                                  place(config.file, first.mark)));
}

std::vector<std::string> forwarding_warnings(const Config &config) {
    struct Family {
        const char *name;
        const char *setting;  // below /proc/sys
        bool v4;
    };
    constexpr Family kFamilies[] = {{"IPv4", "net/ipv4/ip_forward", true},
                                    {"IPv6", "net/ipv6/conf/all/forwarding", false}};
    std::vector<std::string> warnings;
    for (const Family &family : kFamilies) {
        const bool served = std::any_of(
            config.services.begin(), config.services.end(),
            [&](const auto &service) { return service.vip.address.is_v4() == family.v4; });
        std::ifstream file(fmt::format("/proc/sys/{}", family.setting));
        int value = 1;  // and where there is no such setting
        if (!served || !(file >> value) || value != 0)
            continue;
        std::string key = family.setting;
        std::replace(key.begin(), key.end(), '/', '.');
        warnings.push_back(
            fmt::format("{0} is 0: packets between clients and {1} backends on other hosts are "
                        "lost; switch it on (sysctl -w {0}=1)",
                        key, family.name));
    }
    return warnings;
}

Result<void> check_reloadable(const Config &running, const Config &wanted) {
    // Sockets are taken at the start, and tables keep their size. Programs of another instance
    // stand where its own would go.
    const std::string restart = "restart it instead, which costs no packet";
    const std::string detach = fmt::format(
        "stop it, run `weir detach --instance {}`, which ends the flows, and start it again",
        running.instance);
    struct Key {
        const char *name;
        bool same;
        Mark mark;
        std::string_view remedy;
    };
    const auto &was = running.limits;
    const auto &now = wanted.limits;
    const KeyMarks &marks = wanted.marks;
    const Key keys[] = {
        {"instance", running.instance == wanted.instance, marks.instance, detach},
        {"limits",
         was.flows == now.flows && was.new_flows == now.new_flows && was.services == now.services &&
             was.backends == now.backends,
         marks.limits, restart},
        {"metrics.listen", running.metrics == wanted.metrics, marks.metrics_listen, restart},
        {"api.socket", running.api_socket == wanted.api_socket, marks.api_socket, restart}};
    for (const Key &key : keys)
        if (!key.same)
            return fail(Exit::usage,
                        fmt::format("{}: `{}` cannot change while weir runs: {}",
                                    place(wanted.file, key.mark), key.name, key.remedy));
    return {};
}

}  // namespace weir
