#include "lb/dataplane/announce.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "lb/dataplane/neighbours.h"
#include "lb/net/netlink.h"

namespace weir {

namespace {

struct AddressDeleter {
    void operator()(rtnl_addr *address) const { rtnl_addr_put(address); }
};
struct ListDeleter {
    void operator()(ifaddrs *list) const { freeifaddrs(list); }
};

using RouteAddress = std::unique_ptr<rtnl_addr, AddressDeleter>;

std::optional<Address> address_of(const sockaddr *from) {
    if (from == nullptr)
        return std::nullopt;
    if (from->sa_family == AF_INET)
        return Address::v4(reinterpret_cast<const sockaddr_in *>(from)->sin_addr.s_addr);
    if (from->sa_family != AF_INET6)
        return std::nullopt;
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(reinterpret_cast<const sockaddr_in6 *>(from)->sin6_addr.s6_addr, bytes.size(),
                bytes.begin());
    return Address(bytes);
}

// Every address of this network namespace, with its interface.
Result<std::set<std::pair<Address, unsigned>>> host_addresses() {
    ifaddrs *found = nullptr;
    if (getifaddrs(&found) != 0)
        return fail(Exit::refused,
                    fmt::format("cannot list the host's addresses: {}", std::strerror(errno)));
    const std::unique_ptr<ifaddrs, ListDeleter> list(found);
    std::map<std::string_view, unsigned> indices;
    std::set<std::pair<Address, unsigned>> all;
    for (const ifaddrs *one = list.get(); one != nullptr; one = one->ifa_next) {
        const auto [index, is_new] = indices.emplace(one->ifa_name, 0);
        if (is_new)
            index->second = if_nametoindex(one->ifa_name);
        if (const auto address = address_of(one->ifa_addr))
            all.emplace(*address, index->second);
    }
    return all;
}

RouteAddress to_route(const AddedAddress &added) {
    const bool v4 = added.address.is_v4();
    const auto &bytes = added.address.bytes();
    const NetlinkAddress local(nl_addr_build(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? 12 : 0),
                                             v4 ? 4 : bytes.size()));
    RouteAddress route(rtnl_addr_alloc());
    nl_addr_set_prefixlen(local.get(), v4 ? 32 : 128);
    rtnl_addr_set_ifindex(route.get(), static_cast<int>(added.ifindex));
    rtnl_addr_set_local(route.get(), local.get());
    if (v4)
        return route;
    // at once, and never as the source of what this host itself sends (RFC 6724, rule 3)
    rtnl_addr_set_flags(route.get(), IFA_F_NODAD);
    rtnl_addr_set_valid_lifetime(route.get(), 0xffffffffU);
    rtnl_addr_set_preferred_lifetime(route.get(), 0);
    return route;
}

Result<NetlinkSocket> connect_netlink() {
    NetlinkSocket socket(nl_socket_alloc());
    if (!socket || nl_connect(socket.get(), NETLINK_ROUTE) != 0)
        return fail(Exit::refused, "cannot open a netlink socket");
    return socket;
}

bool is_ipv6_off(const std::string &interface) {
    std::ifstream file(fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", interface));
    int disabled = 0;
    return file >> disabled && disabled != 0;
}

tl::unexpected<Error> cannot_put(const AddedAddress &wanted, const std::string &interface,
                                 const std::string &why) {
    return fail(Exit::refused,
                fmt::format("cannot put {} on {}: {}", wanted.address.to_string(), interface, why));
}

Result<void> add(const AddedAddress &wanted, const std::string &interface) {
    const auto socket = connect_netlink();
    if (!socket)
        return tl::make_unexpected(socket.error());
    const int error = rtnl_addr_add(socket->get(), to_route(wanted).get(), 0);
    if (error != 0 && error != -NLE_EXIST)
        return cannot_put(wanted, interface, nl_geterror(error));
    return {};
}

// Also where it is not there, or the interface has gone.
Result<void> remove(const AddedAddress &added) {
    const auto socket = connect_netlink();
    if (!socket)
        return tl::make_unexpected(socket.error());
    const int error = rtnl_addr_delete(socket->get(), to_route(added).get(), 0);
    if (error != 0 && error != -NLE_NOADDR && error != -NLE_NODEV && error != -NLE_OBJ_NOTFOUND)
        return fail(Exit::refused, fmt::format("cannot take {} off its interface: {}",
                                               added.address.to_string(), nl_geterror(error)));
    return {};
}

}  // namespace

Announcer::Announcer(HostChanges &changes, const std::vector<AddedAddress> &own, Places there)
    : changes_(&changes), own_(own.begin(), own.end()), there_(std::move(there)) {}

Result<Announcer> Announcer::open(HostChanges &changes) {
    return changes.addresses().and_then([&](const std::vector<AddedAddress> &own) {
        return host_addresses().map(
            [&](Places there) { return Announcer(changes, own, std::move(there)); });
    });
}

// On some interface, and not put there by this instance.
bool Announcer::is_others(const Address &address) const {
    for (auto one = there_.lower_bound({address, 0}); one != there_.end() && one->first == address;
         ++one)
        if (own_.count({one->second, address}) == 0)
            return true;
    return false;
}

// One that this instance has put on another interface moves; anybody else's stays.
bool Announcer::is_there(const AddedAddress &wanted) const {
    return there_.count({wanted.address, wanted.ifindex}) != 0 || is_others(wanted.address);
}

Result<void> Announcer::check(const AddedAddress &wanted, const std::string &interface) const {
    if (wanted.address.is_v4() || is_there(wanted) || !is_ipv6_off(interface))
        return {};
    return cannot_put(wanted, interface,
                      fmt::format("IPv6 is off there: switch it on (sysctl -w "
                                  "net.ipv6.conf.{}.disable_ipv6=0)",
                                  interface));
}

Result<void> Announcer::announce(const AddedAddress &wanted, const std::string &interface) {
    if (is_there(wanted))
        return {};
    auto added = check(wanted, interface).and_then([&] { return changes_->note(wanted); });
    if (!added)
        return added;
    added = add(wanted, interface);
    if (!added) {
        static_cast<void>(changes_->forget(wanted));
        return added;
    }
    own_.insert(wanted);
    there_.emplace(wanted.address, wanted.ifindex);
    tell_neighbours(interface, wanted.ifindex, wanted.address);
    return {};
}

Result<void> withdraw(HostChanges &changes, const std::vector<AddedAddress> &keep) {
    const auto own = changes.addresses();
    if (!own)
        return tl::make_unexpected(own.error());
    const std::set<AddedAddress> kept(keep.begin(), keep.end());
    for (const AddedAddress &one : *own) {
        if (kept.count(one) != 0)
            continue;
        auto removed = remove(one).and_then([&] { return changes.forget(one); });
        if (!removed)
            return removed;
    }
    return {};
}

}  // namespace weir
