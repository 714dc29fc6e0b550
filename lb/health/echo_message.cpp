#include "lb/health/echo_message.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

namespace weir {

namespace {

constexpr std::size_t kEchoHeader = 8;
constexpr std::size_t kChecksumAt = 2;

unsigned byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}

std::uint16_t word_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

void set_word(std::string &bytes, std::size_t at, std::uint16_t value) {
    bytes[at] = static_cast<char>(value >> 8U);
    bytes[at + 1] = static_cast<char>(value & 0xffU);
}

// RFC 1071; 0 over a message whose checksum is right.
std::uint16_t checksum(std::string_view bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += byte_at(bytes, i) << (i % 2 == 0 ? 8U : 0U);
    while (sum >> 16U != 0)
        sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::string echo_request(const EchoMessage &message, bool v4) {
    std::string bytes(kEchoHeader, '\0');
    bytes[0] = static_cast<char>(v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST);
    set_word(bytes, 4, message.id);
    set_word(bytes, 6, message.sequence);
    bytes += message.payload;
    if (v4)
        set_word(bytes, kChecksumAt, checksum(bytes));
    return bytes;
}

std::optional<EchoMessage> read_echo_reply(std::string_view packet, bool v4, bool with_ip_header) {
    if (with_ip_header) {
        const std::size_t length = packet.empty() ? 0 : (byte_at(packet, 0) & 0xfU) * 4U;
        if (packet.size() < length)
            return std::nullopt;
        packet.remove_prefix(length);
    }
    if (packet.size() < kEchoHeader ||
        byte_at(packet, 0) != (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) || byte_at(packet, 1) != 0)
        return std::nullopt;
    // A raw IPv4 socket gets packets before the kernel has verified them.
    if (v4 && checksum(packet) != 0)
        return std::nullopt;
    return EchoMessage{word_at(packet, 4), word_at(packet, 6),
                       std::string(packet.substr(kEchoHeader))};
}

}  // namespace weir
