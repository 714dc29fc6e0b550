#include "lb/dataplane/source_towards.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "lb/dataplane/fd.h"

namespace weir {

Address source_towards(const Endpoint &to) {
    const bool v4 = to.address.is_v4();
    const Fd socket(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in in4{};
    in4.sin_family = AF_INET;
    in4.sin_port = htons(to.port);
    in4.sin_addr.s_addr = v4 ? to.address.v4_network_order() : 0;
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(to.port);
    std::memcpy(&in6.sin6_addr, to.address.bytes().data(), sizeof in6.sin6_addr);
    auto *const address =
        v4 ? reinterpret_cast<sockaddr *>(&in4) : reinterpret_cast<sockaddr *>(&in6);
    socklen_t length = v4 ? sizeof in4 : sizeof in6;
    if (!socket || ::connect(socket.get(), address, length) != 0 ||
        ::getsockname(socket.get(), address, &length) != 0)
        return *Address::parse(v4 ? "127.0.0.1" : "::1");
    if (v4)
        return Address::v4(in4.sin_addr.s_addr);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
    return Address(bytes);
}

}  // namespace weir
