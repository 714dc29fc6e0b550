#include "lb/daemon/own_sockets.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lb/dataplane/cgroup.h"

namespace weir {

namespace {

// A kind of socket, and what for.
struct Need {
    SocketFamily family;
    SocketType type;
    std::string use;
};

SocketFamily family_of(const Address &address) {
    return address.is_v4() ? SocketFamily::ipv4 : SocketFamily::ipv6;
}

// None: it needs a program of its own, and no socket.
std::optional<SocketType> type_of(CheckType check) {
    switch (check) {
        case CheckType::tcp:
        case CheckType::http:
        case CheckType::https:
            return SocketType::stream;
        case CheckType::udp:
        case CheckType::dns:
            return SocketType::dgram;
        case CheckType::icmp:
            return SocketType::raw;  // net.ipv4.ping_group_range may allow another; it may not
        case CheckType::exec:
            break;
    }
    return std::nullopt;
}

// Services that ask for their clients' source (lb/dataplane/socket_tables.cpp) want to know as whom
// this host's programs come, which takes a datagram socket.
void add_needs_of(const ServiceConfig &service, std::vector<Need> &needs) {
    const auto of = fmt::format("service '{}'", service.name);
    for (const BackendConfig &backend : service.backends) {
        const auto check = service.health_check ? type_of(service.health_check->type)
                                                : std::optional<SocketType>();
        if (check)
            needs.push_back({family_of(backend.check_address.value_or(backend.endpoint.address)),
                             *check, "the health checks of " + of});
        needs.push_back({family_of(backend.endpoint.address), SocketType::dgram, of});
    }
    if (service.announce == Announce::address && !service.vip.address.is_v4())
        needs.push_back({SocketFamily::ipv6, SocketType::raw, "`announce` of " + of});
}

std::vector<Need> needs_of(const Config &config) {
    std::vector<Need> needs;
    if (config.metrics)
        needs.push_back({family_of(config.metrics->address), SocketType::stream, "metrics.listen"});
    if (config.api_tcp)
        needs.push_back(
            {family_of(config.api_tcp->listen.address), SocketType::stream, "api.listen"});
    for (const ServiceConfig &service : config.services)
        add_needs_of(service, needs);
    needs.push_back({SocketFamily::ipv4, SocketType::dgram, "looking at interfaces"});
    return needs;
}

bool meets(const DeniedSocket &denied, const Need &need) {
    return denied.type == need.type &&
           (denied.family == SocketFamily::any || denied.family == need.family);
}

}  // namespace

Result<void> check_own_sockets(const Config &config) {
    if (!config.sockets || config.sockets->deny.empty())
        return {};
    const auto needs = needs_of(config);
    for (const DeniedSocket &denied : config.sockets->deny) {
        const auto met = std::find_if(needs.begin(), needs.end(),
                                      [&](const Need &need) { return meets(denied, need); });
        if (met == needs.end())
            continue;
        const auto cgroup = Cgroup::open(config.sockets->cgroup);
        if (!cgroup || !is_in(cgroup->path))
            return {};  // where it cannot be opened, others say so
        const Mark &mark = config.sockets->mark_of_all;
        return fail(
            Exit::usage,
            fmt::format("{}: sockets: deny {} would be for weir itself, whose cgroup is in {}, and "
                        "which needs such sockets for {}: set `cgroup` to one that it is not in",
                        place(config.file, mark), denied.to_string(), cgroup->path, met->use));
    }
    return {};
}

}  // namespace weir
