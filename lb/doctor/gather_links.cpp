#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include <memory>

#include "lb/dataplane/link.h"
#include "lb/doctor/ethtool.h"
#include "lb/doctor/gather.h"
#include "lb/net/netlink.h"

namespace weir {
namespace {

struct LinkDeleter {
    void operator()(rtnl_link *link) const { rtnl_link_put(link); }
};
using Link = std::unique_ptr<rtnl_link, LinkDeleter>;

std::string type_of(rtnl_link *link) {
    const char *type = rtnl_link_get_type(link);
    return type == nullptr ? "" : type;
}

bool has_xdp(int ifindex) {
    LIBBPF_OPTS(bpf_xdp_query_opts, options);
    return bpf_xdp_query(ifindex, 0, &options) == 0 && options.attach_mode != XDP_ATTACHED_NONE;
}

// The other end of a veth, where it is in this network namespace.
void add_peer(rtnl_link *link, nl_cache *links, LinkFacts &facts) {
    int elsewhere = 0;
    if (type_of(link) != "veth" || rtnl_link_get_link_netnsid(link, &elsewhere) == 0)
        return;
    const Link peer(rtnl_link_get(links, rtnl_link_get_link(link)));
    if (!peer)
        return;
    facts.peer = rtnl_link_get_name(peer.get());
    facts.peer_features = link_features(*facts.peer);
    facts.peer_has_xdp = has_xdp(rtnl_link_get_ifindex(peer.get()));
}

void add_vlans(int ifindex, nl_cache *links, LinkFacts &facts) {
    for (nl_object *one = nl_cache_get_first(links); one != nullptr; one = nl_cache_get_next(one)) {
        auto *link = reinterpret_cast<rtnl_link *>(one);
        if (type_of(link) == "vlan" && rtnl_link_get_link(link) == ifindex)
            facts.vlans.emplace_back(rtnl_link_get_name(link));
    }
}

void add_settings(LinkFacts &facts) {
    const auto v4 = fmt::format("net/ipv4/conf/{}/", facts.name);
    facts.rp_filter = read_setting(v4 + "rp_filter");
    facts.forwarding_v4 = read_setting(v4 + "forwarding");
    facts.forwarding_v6 = read_setting(fmt::format("net/ipv6/conf/{}/forwarding", facts.name));
}

// `auto` goes to TC where XDP cannot be, or is the worse choice.
bool takes_xdp(const InterfaceConfig &wanted, const LinkFacts &facts) {
    if (wanted.hook == Hook::automatic)
        return !hands_over_offloaded_packets(facts.driver) && facts.native_xdp.value_or(true) &&
               wanted.xdp_mode == XdpMode::native;
    return wanted.hook == Hook::xdp && wanted.xdp_mode == XdpMode::native;
}

LinkFacts look_at(const InterfaceConfig &wanted, nl_cache *links) {
    LinkFacts facts;
    facts.name = wanted.name;
    const Link link(rtnl_link_get_by_name(links, wanted.name.c_str()));
    if (!link)
        return facts;
    const int ifindex = rtnl_link_get_ifindex(link.get());
    facts.exists = true;
    facts.up = (rtnl_link_get_flags(link.get()) & IFF_UP) != 0;
    facts.mtu = rtnl_link_get_mtu(link.get());
    facts.driver = link_driver(wanted.name);
    facts.native_xdp = link_has_native_xdp(static_cast<unsigned>(ifindex));
    facts.takes_xdp = takes_xdp(wanted, facts);
    facts.features = link_features(wanted.name);
    if (const auto queues = link_queues(wanted.name)) {
        facts.rx_queues = queues->used;
        facts.most_rx_queues = queues->most;
        facts.combined_queues = queues->combined;
    }
    add_peer(link.get(), links, facts);
    add_vlans(ifindex, links, facts);
    add_settings(facts);
    return facts;
}

}  // namespace

Result<void> gather_links(const Config &config, HostFacts &facts) {
    const NetlinkSocket socket(nl_socket_alloc());
    nl_cache *found = nullptr;
    if (!socket || nl_connect(socket.get(), NETLINK_ROUTE) != 0 ||
        rtnl_link_alloc_cache(socket.get(), AF_UNSPEC, &found) != 0)
        return fail(Exit::refused, "the kernel does not list this host's interfaces");
    const NetlinkCache links(found);
    for (const auto &wanted : config.interfaces)
        facts.links.push_back(look_at(wanted, links.get()));
    return {};
}

}  // namespace weir
