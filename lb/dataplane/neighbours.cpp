#include "lb/dataplane/neighbours.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "lb/dataplane/fd.h"

namespace weir {

namespace {

std::optional<MacAddress> mac_of(const std::string &interface) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    if (ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0)
        return std::nullopt;
    MacAddress mac;
    std::copy_n(reinterpret_cast<const std::uint8_t *>(request.ifr_hwaddr.sa_data),
                mac.bytes.size(), mac.bytes.begin());
    return mac;
}

void send_arp(unsigned ifindex, const MacAddress &mac, const Address &address) {
    const Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    const auto frame = make_gratuitous_arp(mac, address);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(ifindex);
    static_cast<void>(::sendto(socket.get(), frame.data(), frame.size(), 0,
                               reinterpret_cast<const sockaddr *>(&to), sizeof to));
}

void send_advertisement(unsigned ifindex, const MacAddress &mac, const Address &address) {
    const Fd socket(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
    const int hops = 255;  // RFC 4861, 7.1.2: proof that no router sent it
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
    sockaddr_in6 from{};
    from.sin6_family = AF_INET6;
    std::copy(address.bytes().begin(), address.bytes().end(), from.sin6_addr.s6_addr);
    // unbound it goes out from a link-local address, which is as good
    static_cast<void>(::bind(socket.get(), reinterpret_cast<const sockaddr *>(&from), sizeof from));
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_scope_id = ifindex;
    inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
    const auto message = make_advertisement(mac, address);
    static_cast<void>(::sendto(socket.get(), message.data(), message.size(), 0,
                               reinterpret_cast<const sockaddr *>(&to), sizeof to));
}

}  // namespace

std::array<std::uint8_t, 42> make_gratuitous_arp(const MacAddress &mac, const Address &address) {
    // to everyone; ARP; Ethernet and IPv4; a request
    std::array<std::uint8_t, 42> frame{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,    0, 0, 0, 0,
                                       0,    0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 6, 4, 0, 1};
    const auto put_mac = [&](std::size_t at) {
        std::copy(mac.bytes.begin(), mac.bytes.end(), frame.begin() + static_cast<long>(at));
    };
    const auto put_address = [&](std::size_t at) {
        std::copy_n(address.bytes().begin() + 12, 4, frame.begin() + static_cast<long>(at));
    };
    put_mac(6);
    put_mac(22);
    put_address(28);
    put_address(38);
    return frame;
}

std::array<std::uint8_t, 32> make_advertisement(const MacAddress &mac, const Address &address) {
    constexpr std::uint8_t kRouterAndOverride = 0xa0;
    constexpr std::uint8_t kTargetLinkAddress = 2;
    std::array<std::uint8_t, 32> message{ND_NEIGHBOR_ADVERT, 0, 0, 0, kRouterAndOverride};
    std::copy(address.bytes().begin(), address.bytes().end(), message.begin() + 8);
    message[24] = kTargetLinkAddress;
    message[25] = 1;  // times eight bytes
    std::copy(mac.bytes.begin(), mac.bytes.end(), message.begin() + 26);
    return message;
}

void tell_neighbours(const std::string &interface, unsigned ifindex, const Address &address) {
    const auto mac = mac_of(interface);
    if (!mac)
        return;
    if (address.is_v4())
        send_arp(ifindex, *mac, address);
    else
        send_advertisement(ifindex, *mac, address);
}

}  // namespace weir
