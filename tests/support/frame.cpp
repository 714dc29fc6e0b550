#include "tests/support/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

namespace weir::test {

namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIpv4 = 20;
constexpr std::size_t kIpv6 = 40;

std::size_t l4_header(Protocol protocol) {
    return protocol == Protocol::tcp ? 20 : 8;
}

void put16(Bytes &bytes, std::size_t offset, std::size_t value) {
    bytes[offset] = static_cast<std::uint8_t>(value >> 8);
    bytes[offset + 1] = static_cast<std::uint8_t>(value);
}
void put32(Bytes &bytes, std::size_t offset, std::uint32_t value) {
    put16(bytes, offset, value >> 16);
    put16(bytes, offset + 2, value & 0xffff);
}
std::uint16_t get16(const Bytes &bytes, std::size_t offset) {
    return static_cast<std::uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}
std::uint32_t get32(const Bytes &bytes, std::size_t offset) {
    return static_cast<std::uint32_t>(get16(bytes, offset)) << 16 | get16(bytes, offset + 2);
}
void put_address(Bytes &bytes, std::size_t offset, const Address &address) {
    const std::ptrdiff_t skip = address.is_v4() ? 12 : 0;
    std::copy(address.bytes().begin() + skip, address.bytes().end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}
Address get_v4(const Bytes &bytes, std::size_t offset) {
    return Address::v4(bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]);
}
Address get_v6(const Bytes &bytes, std::size_t offset) {
    std::array<std::uint8_t, 16> address{};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), address.size(),
                address.begin());
    return Address(address);
}

// The ones' complement sum of big-endian words, an odd last byte padded with zero; not inverted.
std::uint32_t sum_words(std::span<const std::uint8_t> bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += i % 2 == 0 ? static_cast<std::uint64_t>(bytes[i]) << 8 : bytes[i];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint32_t>(sum);
}

std::uint16_t finish(std::uint32_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

bool is_v6(const Bytes &frame) {
    return get16(frame, 12) == 0x86dd;
}

struct Layout {
    std::size_t l4;        // where the TCP or UDP header starts
    std::size_t end;       // of the IP packet
    std::size_t l4_check;  // where its checksum stands
    std::uint8_t protocol;
};

// Walks over IPv6 extension headers; the frame is long enough to be read.
Layout layout_of(const Bytes &frame) {
    Layout at{};
    if (is_v6(frame)) {
        at.protocol = frame[kEthernet + 6];
        at.l4 = kEthernet + kIpv6;
        at.end = at.l4 + get16(frame, kEthernet + 4);
        while (at.protocol != 6 && at.protocol != 17 && at.l4 + 8 <= frame.size()) {
            const std::size_t length = at.protocol == 44 ? 8 : 8 + frame[at.l4 + 1] * 8U;
            at.protocol = frame[at.l4];
            at.l4 += length;
        }
    } else {
        at.protocol = frame[kEthernet + 9];
        at.l4 = kEthernet + (frame[kEthernet] & 0xfU) * 4UL;
        at.end = kEthernet + get16(frame, kEthernet + 2);
    }
    at.l4_check = at.l4 + (at.protocol == 6 ? 16U : 6U);
    return at;
}

std::uint16_t ip_checksum(const Bytes &frame, const Layout &at) {
    return finish(sum_words(std::span(frame).subspan(kEthernet, at.l4 - kEthernet)));
}

// Over the header and payload as they stand: zero the field first, or expect zero if it is right.
std::uint16_t l4_checksum(const Bytes &frame, const Layout &at) {
    const std::size_t length = at.end - at.l4;
    const auto addresses = is_v6(frame) ? std::span(frame).subspan(kEthernet + 8, 32)
                                        : std::span(frame).subspan(kEthernet + 12, 8);
    std::uint32_t sum = sum_words(addresses);
    sum += at.protocol + static_cast<std::uint32_t>(length);
    sum += sum_words(std::span(frame).subspan(at.l4, length));
    return finish(sum);
}

void build_v4(const Segment &segment, Bytes &frame, std::size_t end) {
    const std::size_t header = kIpv4 + segment.ip_options.size();
    frame[kEthernet] = static_cast<std::uint8_t>(0x40 | header / 4);
    frame[kEthernet + 1] = segment.tos;
    put16(frame, kEthernet + 2, end - kEthernet);
    put16(frame, kEthernet + 4, 0x1234);
    put16(frame, kEthernet + 6, segment.fragment);
    frame[kEthernet + 8] = segment.ttl;
    frame[kEthernet + 9] = static_cast<std::uint8_t>(segment.protocol);
    put_address(frame, kEthernet + 12, segment.source.address);
    put_address(frame, kEthernet + 16, segment.destination.address);
    std::copy(segment.ip_options.begin(), segment.ip_options.end(),
              frame.begin() + kEthernet + kIpv4);
}

void build_v6(const Segment &segment, Bytes &frame, std::size_t end) {
    frame[kEthernet] = static_cast<std::uint8_t>(0x60 | segment.tos >> 4);
    frame[kEthernet + 1] = static_cast<std::uint8_t>(segment.tos << 4);
    put16(frame, kEthernet + 4, end - kEthernet - kIpv6);
    frame[kEthernet + 7] = segment.ttl;
    put_address(frame, kEthernet + 8, segment.source.address);
    put_address(frame, kEthernet + 24, segment.destination.address);
    std::size_t next = kEthernet + 6;  // where the kind of the next header goes
    std::size_t at = kEthernet + kIpv6;
    for (const Extension &extension : segment.extensions) {
        frame[next] = extension.kind;
        std::copy(extension.bytes.begin(), extension.bytes.end(),
                  frame.begin() + static_cast<std::ptrdiff_t>(at));
        next = at;
        at += extension.bytes.size();
    }
    frame[next] = static_cast<std::uint8_t>(segment.protocol);
}

void build_l4(const Segment &segment, Bytes &frame, std::size_t l4) {
    put16(frame, l4, segment.source.port);
    put16(frame, l4 + 2, segment.destination.port);
    if (segment.protocol == Protocol::udp) {
        put16(frame, l4 + 4, 8 + segment.payload.size());
        return;
    }
    put32(frame, l4 + 4, segment.seq);
    put32(frame, l4 + 8, segment.ack);
    frame[l4 + 12] = 5 << 4;
    frame[l4 + 13] = segment.tcp_flags;
    put16(frame, l4 + 14, 64240);
}

}  // namespace

Bytes build(const Segment &segment) {
    const bool v4 = segment.source.address.is_v4();
    std::size_t l4 = kEthernet + (v4 ? kIpv4 + segment.ip_options.size() : kIpv6);
    for (const Extension &extension : segment.extensions)
        l4 += v4 ? 0 : extension.bytes.size();
    const std::size_t payload = l4 + l4_header(segment.protocol);
    const std::size_t end = payload + segment.payload.size();
    Bytes frame(end + segment.padding);
    std::copy(segment.destination_mac.bytes.begin(), segment.destination_mac.bytes.end(),
              frame.begin());
    std::copy(segment.source_mac.bytes.begin(), segment.source_mac.bytes.end(), frame.begin() + 6);
    put16(frame, 12, v4 ? 0x0800 : 0x86dd);
    if (v4)
        build_v4(segment, frame, end);
    else
        build_v6(segment, frame, end);
    build_l4(segment, frame, l4);
    std::copy(segment.payload.begin(), segment.payload.end(),
              frame.begin() + static_cast<std::ptrdiff_t>(payload));

    const Layout at{l4, end, l4 + (segment.protocol == Protocol::tcp ? 16U : 6U),
                    static_cast<std::uint8_t>(segment.protocol)};
    if (v4)
        put16(frame, kEthernet + 10, ip_checksum(frame, at));
    if (segment.protocol == Protocol::tcp || segment.udp_checksum) {
        const std::uint16_t sum = l4_checksum(frame, at);
        put16(frame, at.l4_check, sum == 0 && segment.protocol == Protocol::udp ? 0xffff : sum);
    }
    return frame;
}

std::optional<Segment> read(const Bytes &frame) {
    if (frame.size() < kEthernet + kIpv4 || (get16(frame, 12) != 0x0800 && !is_v6(frame)) ||
        (is_v6(frame) && frame.size() < kEthernet + kIpv6))
        return std::nullopt;
    const bool v6 = is_v6(frame);
    const Layout at = layout_of(frame);
    if (at.protocol != 6 && at.protocol != 17)
        return std::nullopt;
    Segment segment;
    segment.protocol = static_cast<Protocol>(at.protocol);
    const std::size_t payload = at.l4 + l4_header(segment.protocol);
    if (frame.size() < payload || at.end > frame.size() || at.end < payload)
        return std::nullopt;
    std::copy_n(frame.begin(), 6, segment.destination_mac.bytes.begin());
    std::copy_n(frame.begin() + 6, 6, segment.source_mac.bytes.begin());
    segment.source = {v6 ? get_v6(frame, kEthernet + 8) : get_v4(frame, kEthernet + 12),
                      get16(frame, at.l4)};
    segment.destination = {v6 ? get_v6(frame, kEthernet + 24) : get_v4(frame, kEthernet + 16),
                           get16(frame, at.l4 + 2)};
    segment.ttl = frame[kEthernet + (v6 ? 7 : 8)];
    if (segment.protocol == Protocol::tcp) {
        segment.seq = get32(frame, at.l4 + 4);
        segment.ack = get32(frame, at.l4 + 8);
        segment.tcp_flags = frame[at.l4 + 13];
    } else {
        segment.udp_checksum = get16(frame, at.l4_check) != 0;
    }
    segment.payload.assign(frame.begin() + static_cast<std::ptrdiff_t>(payload),
                           frame.begin() + static_cast<std::ptrdiff_t>(at.end));
    return segment;
}

std::string checksum_fault(const Bytes &frame) {
    const Layout at = layout_of(frame);
    if (!is_v6(frame) && ip_checksum(frame, at) != 0)
        return fmt::format("ip.checksum is {:#06x}, off by {:#06x}", get16(frame, kEthernet + 10),
                           ip_checksum(frame, at));
    const bool tcp = at.protocol == 6;
    const std::uint16_t stands = get16(frame, at.l4_check);
    if (!tcp && stands == 0)
        return {};
    if (l4_checksum(frame, at) != 0)
        return fmt::format("{}.checksum is {:#06x}, off by {:#06x}", tcp ? "tcp" : "udp", stands,
                           l4_checksum(frame, at));
    if (tcp && stands == 0xffff)
        return "tcp.checksum is 0xffff, which no full computation gives";
    return {};
}

std::string hex(const Bytes &frame) {
    return fmt::format("{:02x}", fmt::join(frame, " "));
}

}  // namespace weir::test
