#include "lb/replay/fields.h"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "lb/net/address.h"
#include "lb/replay/header_fields.h"

namespace weir {

namespace {

// Those that are no part of a header, or a part of no fixed length.
constexpr std::array<std::string_view, 9> kOtherFields{
    "frame.time_epoch", "frame.len",    "frame.cap_len", "ip.options", "ipv6.hopopts",
    "ipv6.routing",     "ipv6.dstopts", "tcp.options",   "payload"};

constexpr int kMostTags = 2;         // 802.1Q, 802.1ad
constexpr int kMostExtensions = 16;  // of an IPv6 packet; what is deeper is payload

// Walks the headers that two frames have in common.
class Walk {
  public:
    Walk(Bytes one, Bytes other)
        : one_(one), other_(other), both_(std::min(one.size(), other.size())) {}

    std::vector<Field> fields() {
        if (header(kEthernetFields))
            network();
        rest();
        return std::move(fields_);
    }

  private:
    bool same(std::size_t offset, std::size_t length) const {
        return std::equal(one_.begin() + static_cast<std::ptrdiff_t>(offset),
                          one_.begin() + static_cast<std::ptrdiff_t>(offset + length),
                          other_.begin() + static_cast<std::ptrdiff_t>(offset));
    }

    std::uint16_t two_bytes(std::size_t offset) const {
        return static_cast<std::uint16_t>(one_[offset] << 8U | one_[offset + 1]);
    }

    template <std::size_t N>
    bool header(const std::array<HeaderField, N> &fields) {
        if (end_ + length_of(fields) > both_)
            return false;
        for (const HeaderField &field : fields)
            fields_.push_back(
                {std::string(field.name), end_ + field.offset, field.length, field.as});
        end_ += length_of(fields);
        return true;
    }

    bool options(const char *name, std::size_t length) {
        if (end_ + length > both_)
            return false;
        if (length > 0)
            fields_.push_back({name, end_, length, Field::As::bytes});
        end_ += length;
        return true;
    }

    // The EtherType is in the two bytes before end_, with tags or without.
    void network() {
        for (int tags = 0; same(end_ - 2, 2); tags++) {
            const std::uint16_t type = two_bytes(end_ - 2);
            if (type == ETH_P_IP)
                return ipv4();
            if (type == ETH_P_IPV6)
                return ipv6();
            const bool tag = type == ETH_P_8021Q || type == ETH_P_8021AD;
            if (!tag || tags == kMostTags || !header(kVlanFields))
                return;
        }
    }

    void ipv4() {
        const std::size_t ip = end_;
        if (!header(kIpv4Fields) || !same(ip, 1))
            return;
        const std::size_t length = std::size_t{one_[ip] & 0x0fU} * 4;
        if (length < length_of(kIpv4Fields) || !options("ip.options", ip + length - end_))
            return;
        const bool first_fragment = (two_bytes(ip + 6) & 0x1fffU) == 0;
        if (same(ip + 6, 2) && same(ip + 9, 1) && first_fragment)
            transport(one_[ip + 9]);
    }

    void ipv6() {
        std::size_t next = end_ + 6;  // where the next header's kind stands
        if (!header(kIpv6Fields))
            return;
        for (int i = 0; i < kMostExtensions && same(next, 1); i++) {
            const std::size_t start = end_;
            const std::uint8_t kind = one_[next];
            if (!is_extension(kind))
                return transport(kind);
            if (!extension(kind))
                return;
            next = start;
        }
    }

    static bool is_extension(std::uint8_t kind) {
        return kind == IPPROTO_HOPOPTS || kind == IPPROTO_ROUTING || kind == IPPROTO_DSTOPTS ||
               kind == IPPROTO_FRAGMENT;
    }

    // False where the walk ends.
    bool extension(std::uint8_t kind) {
        switch (kind) {
            case IPPROTO_HOPOPTS:
                return sized_extension(kHopByHopFields, "ipv6.hopopts");
            case IPPROTO_ROUTING:
                return sized_extension(kRoutingFields, "ipv6.routing");
            case IPPROTO_DSTOPTS:
                return sized_extension(kDestinationFields, "ipv6.dstopts");
            default:
                break;
        }
        const std::size_t offset = end_ + 2;
        return header(kFragmentFields) && same(offset, 2) && (two_bytes(offset) & 0xfff8U) == 0;
    }

    template <std::size_t N>
    bool sized_extension(const std::array<HeaderField, N> &fields, const char *rest) {
        const std::size_t start = end_;
        return header(fields) && same(start + 1, 1) &&
               options(rest, (std::size_t{one_[start + 1]} + 1) * 8 - length_of(fields));
    }

    void transport(std::uint8_t protocol) {
        switch (protocol) {
            case IPPROTO_TCP:
                return tcp();
            case IPPROTO_UDP:
                header(kUdpFields);
                return;
            case IPPROTO_ICMP:
                header(kIcmpFields);
                return;
            case IPPROTO_ICMPV6:
                header(kIcmpv6Fields);
                return;
            default:
                return;
        }
    }

    void tcp() {
        const std::size_t start = end_;
        if (!header(kTcpFields) || !same(start + 12, 1))
            return;
        const std::size_t length = std::size_t{one_[start + 12]} / 16 * 4;
        if (length > length_of(kTcpFields))
            options("tcp.options", length - length_of(kTcpFields));
    }

    void rest() {
        const std::size_t most = std::max(one_.size(), other_.size());
        std::size_t at = end_;
        while (at < both_ && one_[at] == other_[at])
            at++;
        if (at < most)
            fields_.push_back({fmt::format("payload at offset {}", at), at, 1, Field::As::hex});
    }

    Bytes one_;
    Bytes other_;
    std::size_t both_;
    std::size_t end_ = 0;  // of the headers so far
    std::vector<Field> fields_;
};

std::string print_ipv6(Bytes value) {
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(value.begin(), std::min(value.size(), bytes.size()), bytes.begin());
    return Address(bytes).to_string();
}

}  // namespace

Bytes Field::of(Bytes frame) const {
    if (offset >= frame.size())
        return {};
    return frame.subspan(offset, std::min(length, frame.size() - offset));
}

std::string Field::print(Bytes value) const {
    if (value.empty())
        return "nothing";
    std::uint64_t number = 0;
    for (const std::uint8_t byte : value)
        number = number << 8U | byte;
    switch (as) {
        case As::mac:
            return fmt::format("{:02x}", fmt::join(value, ":"));
        case As::ipv4:
            return fmt::format("{}", fmt::join(value, "."));
        case As::ipv6:
            return print_ipv6(value);
        case As::number:
            return std::to_string(number);
        case As::hex:
            return fmt::format("0x{:0{}x}", number, value.size() * 2);
        case As::bytes:
            break;
    }
    return fmt::format("{:02x}", fmt::join(value, " "));
}

std::vector<Field> common_fields(Bytes one, Bytes other) {
    return Walk(one, other).fields();
}

bool is_named(std::string_view field, std::string_view name) {
    const bool begins = field.substr(0, name.size()) == name;
    return begins && (field.size() == name.size() || field[name.size()] == '.' ||
                      field[name.size()] == ' ');  // "payload at offset 60"
}

bool names_a_field(std::string_view name) {
    bool known = false;
    const auto look = [&](const auto &fields) {
        for (const HeaderField &field : fields)
            known = known || is_named(field.name, name);
    };
    look(kEthernetFields);
    look(kVlanFields);
    look(kIpv4Fields);
    look(kIpv6Fields);
    look(kHopByHopFields);
    look(kRoutingFields);
    look(kDestinationFields);
    look(kFragmentFields);
    look(kTcpFields);
    look(kUdpFields);
    look(kIcmpFields);
    look(kIcmpv6Fields);
    for (const std::string_view other : kOtherFields)
        known = known || is_named(other, name);
    return known;
}

}  // namespace weir
