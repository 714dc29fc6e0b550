// ICMP and ICMPv6 echo messages (RFC 792, RFC 4443), as they go through a socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

struct EchoMessage {
    std::uint16_t id = 0;
    std::uint16_t sequence = 0;
    std::string payload;

    bool operator==(const EchoMessage &) const = default;
};

// The checksum of IPv6 is the kernel's to fill in (RFC 3542, 3.1).
std::string echo_request(const EchoMessage &message, bool v4);
// Nothing when it is no echo reply. `with_ip_header`: as a raw IPv4 socket gives it.
std::optional<EchoMessage> read_echo_reply(std::string_view packet, bool v4, bool with_ip_header);

}  // namespace weir
