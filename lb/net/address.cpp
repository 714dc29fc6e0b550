#include "lb/net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weir {

namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

Address Address::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    std::array<std::uint8_t, 16> bytes{};
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
    bytes[12] = a;
    bytes[13] = b;
    bytes[14] = c;
    bytes[15] = d;
    return Address(bytes);
}

Address Address::v4(std::uint32_t network_order) {
    std::array<std::uint8_t, 4> octets{};
    std::memcpy(octets.data(), &network_order, sizeof network_order);
    return v4(octets[0], octets[1], octets[2], octets[3]);
}

std::optional<Address> Address::parse(std::string_view text) {
    const std::string terminated(text);
    if (terminated.size() != std::strlen(terminated.c_str()))
        return std::nullopt;  // a NUL inside the text would hide what follows it
    std::uint32_t four = 0;
    if (inet_pton(AF_INET, terminated.c_str(), &four) == 1)
        return v4(four);
    std::array<std::uint8_t, 16> sixteen{};
    if (inet_pton(AF_INET6, terminated.c_str(), sixteen.data()) != 1)
        return std::nullopt;
    Address address(sixteen);
    if (address.is_v4())
        return std::nullopt;
    return address;
}

bool Address::is_v4() const {
    return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

std::uint32_t Address::v4_network_order() const {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + 12, sizeof value);
    return value;
}

std::string Address::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (is_v4())
        inet_ntop(AF_INET, bytes_.data() + 12, text.data(), text.size());
    else
        inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
    return text.data();
}

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t maximum) {
    std::uint64_t value = 0;
    const char *end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stopped != end || value > maximum)
        return std::nullopt;
    return value;
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos)
        return std::nullopt;
    const auto address = Address::parse(text.substr(0, slash));
    if (!address)
        return std::nullopt;
    const auto length = parse_number(text.substr(slash + 1), address->is_v4() ? 32 : 128);
    if (!length)
        return std::nullopt;
    const Prefix prefix{*address, static_cast<std::uint8_t>(*length)};
    const unsigned fixed = prefix.length + (address->is_v4() ? 96U : 0U);
    for (unsigned bit = fixed; bit < 128; ++bit)
        if ((unsigned{address->bytes()[bit / 8]} >> (7 - bit % 8)) & 1U)
            return std::nullopt;
    return prefix;
}

bool Prefix::contains(const Address &other) const {
    if (address.is_v4() != other.is_v4())
        return false;
    const unsigned fixed = length + (address.is_v4() ? 96U : 0U);
    const auto *here = address.bytes().data();
    const auto *there = other.bytes().data();
    if (std::memcmp(here, there, fixed / 8) != 0)
        return false;
    const unsigned differ =
        fixed % 8 == 0 ? 0U : unsigned{here[fixed / 8]} ^ unsigned { there[fixed / 8] };
    return (differ >> (8 - fixed % 8)) == 0;
}

std::string Prefix::to_string() const {
    return fmt::format("{}/{}", address.to_string(), length);
}

std::optional<PortRange> PortRange::parse(std::string_view text) {
    const auto dash = text.find('-');
    if (dash == std::string_view::npos)
        return std::nullopt;
    const auto first = parse_number(text.substr(0, dash), 65535);
    const auto last = parse_number(text.substr(dash + 1), 65535);
    if (!first || !last || *first > *last)
        return std::nullopt;
    return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

std::string PortRange::to_string() const {
    return fmt::format("{}-{}", first, last);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed)
        host = host.substr(1, host.size() - 2);
    const auto address = Address::parse(host);
    const auto port = parse_number(text.substr(colon + 1), 65535);
    if (!address || !port || address->is_v4() == bracketed)
        return std::nullopt;
    return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string Endpoint::to_string() const {
    return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port)
                           : fmt::format("[{}]:{}", address.to_string(), port);
}

std::string_view to_string(Protocol protocol) {
    return protocol == Protocol::tcp ? "tcp" : "udp";
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    MacAddress mac;
    if (text.size() != 17)
        return std::nullopt;
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
        const char *first = text.data() + i * 3;
        const auto [stopped, error] = std::from_chars(first, first + 2, mac.bytes[i], 16);
        if (error != std::errc{} || stopped != first + 2 || (i < 5 && first[2] != ':'))
            return std::nullopt;
    }
    return mac;
}

std::string MacAddress::to_string() const {
    return fmt::format("{:02x}", fmt::join(bytes, ":"));
}

}  // namespace weir
