#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include <array>
#include <map>
#include <memory>
#include <set>

#include "lb/doctor/gather.h"
#include "lb/net/netlink.h"

namespace weir {
namespace {

// RFC 7600: an address that nobody has, so that only a default route leads there.
const Address kNobody = Address::v4(192, 0, 0, 8);

struct RouteDeleter {
    void operator()(rtnl_route *route) const { rtnl_route_put(route); }
};

std::optional<Address> from_netlink(const nl_addr *address) {
    if (address == nullptr)
        return std::nullopt;
    const auto *bytes = static_cast<const std::uint8_t *>(nl_addr_get_binary_addr(address));
    if (nl_addr_get_len(address) == 4)
        return Address::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
    if (nl_addr_get_len(address) != 16)
        return std::nullopt;
    std::array<std::uint8_t, 16> all{};
    std::copy_n(bytes, all.size(), all.begin());
    return Address(all);
}

Route ask_route(nl_sock *socket, const Address &to) {
    const bool v4 = to.is_v4();
    const NetlinkAddress destination(
        nl_addr_build(v4 ? AF_INET : AF_INET6, to.bytes().data() + (v4 ? 12 : 0), v4 ? 4 : 16));
    Route route;
    route.to = to;
    rtnl_route *found = nullptr;
    if (rtnl_route_lookup(socket, destination.get(), &found) != 0 || found == nullptr)
        return route;
    const std::unique_ptr<rtnl_route, RouteDeleter> owner(found);
    rtnl_nexthop *next = rtnl_route_nexthop_n(found, 0);
    std::array<char, IF_NAMESIZE> name{};
    if (next == nullptr || if_indextoname(static_cast<unsigned>(rtnl_route_nh_get_ifindex(next)),
                                          name.data()) == nullptr)
        return route;
    route.local = rtnl_route_get_type(found) == RTN_LOCAL;
    route.interface = name.data();
    route.gateway = from_netlink(rtnl_route_nh_get_gateway(next));
    return route;
}

using Neighbours = std::map<std::pair<std::string, Address>, Neighbour>;

Neighbours list_neighbours(nl_sock *socket) {
    Neighbours all;
    nl_cache *found = nullptr;
    if (rtnl_neigh_alloc_cache(socket, &found) != 0)
        return all;
    const NetlinkCache cache(found);
    for (nl_object *one = nl_cache_get_first(found); one != nullptr; one = nl_cache_get_next(one)) {
        auto *entry = reinterpret_cast<rtnl_neigh *>(one);
        const auto address = from_netlink(rtnl_neigh_get_dst(entry));
        std::array<char, IF_NAMESIZE> name{};
        if (!address || if_indextoname(static_cast<unsigned>(rtnl_neigh_get_ifindex(entry)),
                                       name.data()) == nullptr)
            continue;
        const bool failed = (rtnl_neigh_get_state(entry) & NUD_FAILED) != 0;
        all[{name.data(), *address}] = failed ? Neighbour::failed : Neighbour::resolved;
    }
    return all;
}

std::set<Address> backends_of(const Config &config) {
    std::set<Address> all;
    for (const auto &service : config.services)
        for (const auto &backend : service.backends)
            if (all.size() < kMostRoutes)
                all.insert(backend.endpoint.address);
    return all;
}

}  // namespace

Result<void> gather_routes(const Config &config, HostFacts &facts) {
    const NetlinkSocket socket(nl_socket_alloc());
    if (!socket || nl_connect(socket.get(), NETLINK_ROUTE) != 0)
        return fail(Exit::refused, "cannot open a netlink socket");
    if (const auto route = ask_route(socket.get(), kNobody); !route.interface.empty())
        facts.default_routes.push_back(route.interface);
    const auto neighbours = list_neighbours(socket.get());
    for (const auto &address : backends_of(config)) {
        auto route = ask_route(socket.get(), address);
        const auto known = neighbours.find({route.interface, route.gateway.value_or(address)});
        if (known != neighbours.end())
            route.neighbour = known->second;
        facts.routes.push_back(std::move(route));
    }
    return {};
}

}  // namespace weir
