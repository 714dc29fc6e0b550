#include "lb/daemon/preflight.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>
#include <net/if.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <utility>

namespace weir {
namespace {

bool has(std::uint64_t capabilities, unsigned bit) {
    return (capabilities >> bit & 1) != 0;
}

}  // namespace

std::uint64_t effective_capabilities() {
    constexpr std::string_view kKey = "CapEff:";
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.compare(0, kKey.size(), kKey) == 0)
            return std::stoull(line.substr(kKey.size()), nullptr, 16);
    return 0;
}

std::vector<std::string> missing_capabilities(std::uint64_t effective) {
    // CAP_SYS_ADMIN as well, though it could stand for two of the others: it is given up most of
    // the time
    constexpr std::pair<unsigned, const char *> kNeeded[] = {{CAP_BPF, "CAP_BPF"},
                                                             {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                                                             {CAP_PERFMON, "CAP_PERFMON"},
                                                             {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}};
    std::vector<std::string> missing;
    for (const auto &[bit, name] : kNeeded)
        if (!has(effective, bit))
            missing.emplace_back(name);
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
    if (config.interfaces.empty() && config.sockets)
        return {};
    if (config.interfaces.empty())
        return fail(Exit::usage,
                    fmt::format("{}: no interface is configured: name at least one under "
                                "`interfaces`, or `sockets` for the programs of this host alone",
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
    const auto tcp_of = [](const Config &config) {
        return config.api_tcp ? std::optional(config.api_tcp->listen) : std::nullopt;
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
        {"flow_log", was.accounts == now.accounts, marks.flow_log, restart},
        {"metrics.listen", running.metrics == wanted.metrics, marks.metrics_listen, restart},
        {"api.socket", running.api_socket == wanted.api_socket, marks.api_socket, restart},
        {"api.group", running.api_group == wanted.api_group, marks.api_group, restart},
        {"api.listen", tcp_of(running) == tcp_of(wanted),
         wanted.api_tcp ? wanted.api_tcp->listen_mark : Mark{}, restart}};
    for (const Key &key : keys)
        if (!key.same)
            return fail(Exit::usage,
                        fmt::format("{}: `{}` cannot change while weir runs: {}",
                                    place(wanted.file, key.mark), key.name, key.remedy));
    return {};
}

}  // namespace weir
