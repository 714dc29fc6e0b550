// Network addresses and ports as types. All of them are plain values: comparable, printable,
// parsed strictly (no host names, no octal, no trailing text).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

// An IPv4 or IPv6 address. IPv4 is kept as an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), the
// form that the service table uses as its key.
class Address {
  public:
    Address() = default;
    explicit Address(const std::array<std::uint8_t, 16> &bytes) : bytes_(bytes) {}

    static Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
    // `network_order` as it stands in an IPv4 header.
    static Address v4(std::uint32_t network_order);
    // "192.0.2.1" or "2001:db8::1"; nothing else. An IPv4-mapped text ("::ffff:192.0.2.1") is
    // refused: it would be one address under two names.
    static std::optional<Address> parse(std::string_view text);

    bool is_v4() const;
    std::string_view family() const { return is_v4() ? "IPv4" : "IPv6"; }
    // The last four bytes in network order: the IPv4 address if is_v4().
    std::uint32_t v4_network_order() const;
    const std::array<std::uint8_t, 16> &bytes() const { return bytes_; }
    std::string to_string() const;

    auto operator<=>(const Address &) const = default;

  private:
    std::array<std::uint8_t, 16> bytes_{};
};

// An address block; parse() refuses host bits that are set ("192.0.2.1/24").
struct Prefix {
    Address address;
    std::uint8_t length = 0;  // bits, 0..32 or 0..128

    static std::optional<Prefix> parse(std::string_view text);
    bool contains(const Address &other) const;
    std::string to_string() const;
    auto operator<=>(const Prefix &) const = default;
};

// Ports from first to last, both included.
struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    // "20000-60999"; first <= last.
    static std::optional<PortRange> parse(std::string_view text);
    bool contains(std::uint16_t port) const { return first <= port && port <= last; }
    std::string to_string() const;
    auto operator<=>(const PortRange &) const = default;
};

// Address and port; the port is in host order.
struct Endpoint {
    Address address;
    std::uint16_t port = 0;

    // "192.0.2.1:80" or "[2001:db8::1]:80"
    static std::optional<Endpoint> parse(std::string_view text);
    std::string to_string() const;
    auto operator<=>(const Endpoint &) const = default;
};

// L4 protocol, valued as in the IP header.
enum class Protocol : std::uint8_t { tcp = 6, udp = 17 };
std::string_view to_string(Protocol protocol);

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};

    // "02:00:00:00:00:01"
    static std::optional<MacAddress> parse(std::string_view text);
    std::string to_string() const;
    auto operator<=>(const MacAddress &) const = default;
};

// A whole decimal number without sign, blanks or leading text; nullopt when it is above `maximum`.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t maximum);

}  // namespace weir
