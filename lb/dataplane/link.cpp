#include "lb/dataplane/link.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/pkt_sched.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/netlink.h>
#include <netlink/route/classifier.h>
#include <netlink/route/qdisc.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "lb/dataplane/fd.h"
#include "lb/net/netlink.h"

namespace weir {

namespace {

ifreq make_request(const std::string &interface) {
    ifreq request{};
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    return request;
}

}  // namespace

std::string link_driver(const std::string &interface) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    ifreq request = make_request(interface);
    request.ifr_data = reinterpret_cast<char *>(&info);
    if (ioctl(socket.get(), SIOCETHTOOL, &request) != 0)
        return {};
    return info.driver;
}

bool hands_over_offloaded_packets(std::string_view driver) {
    constexpr std::array<std::string_view, 5> kDrivers{"veth", "virtio_net", "tun", "bridge",
                                                       "xen_netfront"};
    return std::find(kDrivers.begin(), kDrivers.end(), driver) != kDrivers.end();
}

unsigned link_mtu(const std::string &interface) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request = make_request(interface);
    return ioctl(socket.get(), SIOCGIFMTU, &request) == 0 ? static_cast<unsigned>(request.ifr_mtu)
                                                          : 0;
}

bool link_is_ethernet(const std::string &interface) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request = make_request(interface);
    if (ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0)
        return false;
    return request.ifr_hwaddr.sa_family == ARPHRD_ETHER ||
           request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
}

Result<bool> clsact_has_filters(unsigned ifindex) {
    const NetlinkSocket socket(nl_socket_alloc());
    if (!socket || nl_connect(socket.get(), NETLINK_ROUTE) != 0)
        return fail(Exit::refused, "cannot open a netlink socket");
    for (const std::uint32_t side : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS}) {
        nl_cache *found = nullptr;
        const int error = rtnl_cls_alloc_cache(socket.get(), static_cast<int>(ifindex),
                                               TC_H_MAKE(TC_H_CLSACT, side), &found);
        const NetlinkCache cache(found);
        if (error != 0)
            return fail(Exit::refused,
                        fmt::format("cannot list the TC filters: {}", nl_geterror(error)));
        if (nl_cache_nitems(cache.get()) > 0)
            return true;
    }
    return false;
}

Result<std::string> ingress_qdisc_kind(unsigned ifindex) {
    const NetlinkSocket socket(nl_socket_alloc());
    if (!socket || nl_connect(socket.get(), NETLINK_ROUTE) != 0)
        return fail(Exit::refused, "cannot open a netlink socket");
    nl_cache *found = nullptr;
    const int error = rtnl_qdisc_alloc_cache(socket.get(), &found);
    const NetlinkCache cache(found);
    if (error != 0)
        return fail(Exit::refused, fmt::format("cannot list the qdiscs: {}", nl_geterror(error)));
    rtnl_qdisc *qdisc =
        rtnl_qdisc_get_by_parent(cache.get(), static_cast<int>(ifindex), TC_H_INGRESS);
    if (qdisc == nullptr)
        return std::string();
    std::string kind = rtnl_tc_get_kind(TC_CAST(qdisc));
    rtnl_qdisc_put(qdisc);
    return kind;
}

}  // namespace weir
