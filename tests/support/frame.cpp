#include "tests/support/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace weir::test {

namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIpv4 = 20;

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
    std::copy_n(address.bytes().begin() + 12, 4,
                bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}
Address get_address(const Bytes &bytes, std::size_t offset) {
    return Address::v4(bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]);
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

struct Layout {
    std::size_t l4;   // where the TCP or UDP header starts
    std::size_t end;  // of the IP packet
    std::size_t l4_check;
    bool tcp;
};

Layout layout_of(const Bytes &frame) {
    const std::size_t l4 = kEthernet + (frame[kEthernet] & 0xfU) * 4;
    const bool tcp = frame[kEthernet + 9] == 6;
    return {l4, kEthernet + get16(frame, kEthernet + 2), l4 + (tcp ? 16U : 6U), tcp};
}

std::uint16_t ip_checksum(const Bytes &frame, const Layout &at) {
    return finish(sum_words(std::span(frame).subspan(kEthernet, at.l4 - kEthernet)));
}

// Over the header and payload as they stand: zero the field first, or expect zero if it is right.
std::uint16_t l4_checksum(const Bytes &frame, const Layout &at) {
    const std::size_t length = at.end - at.l4;
    std::uint32_t sum = sum_words(std::span(frame).subspan(kEthernet + 12, 8));
    sum += frame[kEthernet + 9] + static_cast<std::uint32_t>(length);
    sum += sum_words(std::span(frame).subspan(at.l4, length));
    return finish(sum);
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
    const std::size_t l4 = kEthernet + kIpv4 + segment.ip_options.size();
    const std::size_t payload = l4 + l4_header(segment.protocol);
    Bytes frame(payload + segment.payload.size() + segment.padding);
    std::copy(segment.destination_mac.bytes.begin(), segment.destination_mac.bytes.end(),
              frame.begin());
    std::copy(segment.source_mac.bytes.begin(), segment.source_mac.bytes.end(), frame.begin() + 6);
    put16(frame, 12, 0x0800);
    frame[kEthernet] = static_cast<std::uint8_t>(0x40 | (l4 - kEthernet) / 4);
    frame[kEthernet + 1] = segment.tos;
    put16(frame, kEthernet + 2, payload + segment.payload.size() - kEthernet);
    put16(frame, kEthernet + 4, 0x1234);
    put16(frame, kEthernet + 6, segment.fragment);
    frame[kEthernet + 8] = segment.ttl;
    frame[kEthernet + 9] = static_cast<std::uint8_t>(segment.protocol);
    put_address(frame, kEthernet + 12, segment.source.address);
    put_address(frame, kEthernet + 16, segment.destination.address);
    std::copy(segment.ip_options.begin(), segment.ip_options.end(),
              frame.begin() + kEthernet + kIpv4);
    build_l4(segment, frame, l4);
    std::copy(segment.payload.begin(), segment.payload.end(),
              frame.begin() + static_cast<std::ptrdiff_t>(payload));

    const Layout at = layout_of(frame);
    put16(frame, kEthernet + 10, ip_checksum(frame, at));
    if (segment.protocol == Protocol::tcp || segment.udp_checksum) {
        const std::uint16_t sum = l4_checksum(frame, at);
        put16(frame, at.l4_check, sum == 0 && !at.tcp ? 0xffff : sum);
    }
    return frame;
}

std::optional<Segment> read(const Bytes &frame) {
    if (frame.size() < kEthernet + kIpv4 || get16(frame, 12) != 0x0800)
        return std::nullopt;
    const Layout at = layout_of(frame);
    const Protocol protocol = at.tcp ? Protocol::tcp : Protocol::udp;
    if ((!at.tcp && frame[kEthernet + 9] != 17) || frame.size() < at.l4 + l4_header(protocol) ||
        at.end > frame.size() || at.end < at.l4 + l4_header(protocol))
        return std::nullopt;
    Segment segment;
    std::copy_n(frame.begin(), 6, segment.destination_mac.bytes.begin());
    std::copy_n(frame.begin() + 6, 6, segment.source_mac.bytes.begin());
    segment.source = {get_address(frame, kEthernet + 12), get16(frame, at.l4)};
    segment.destination = {get_address(frame, kEthernet + 16), get16(frame, at.l4 + 2)};
    segment.protocol = protocol;
    segment.ttl = frame[kEthernet + 8];
    segment.tos = frame[kEthernet + 1];
    segment.fragment = get16(frame, kEthernet + 6);
    segment.ip_options.assign(frame.begin() + kEthernet + kIpv4,
                              frame.begin() + static_cast<std::ptrdiff_t>(at.l4));
    if (at.tcp) {
        segment.seq = get32(frame, at.l4 + 4);
        segment.ack = get32(frame, at.l4 + 8);
        segment.tcp_flags = frame[at.l4 + 13];
    } else {
        segment.udp_checksum = get16(frame, at.l4_check) != 0;
        segment.tcp_flags = kSyn;
    }
    segment.payload.assign(frame.begin() + static_cast<std::ptrdiff_t>(at.l4 + l4_header(protocol)),
                           frame.begin() + static_cast<std::ptrdiff_t>(at.end));
    segment.padding = frame.size() - at.end;
    return segment;
}

std::string checksum_fault(const Bytes &frame) {
    const Layout at = layout_of(frame);
    if (ip_checksum(frame, at) != 0)
        return fmt::format("ip.checksum is {:#06x}, off by {:#06x}", get16(frame, kEthernet + 10),
                           ip_checksum(frame, at));
    const std::uint16_t stands = get16(frame, at.l4_check);
    if (!at.tcp && stands == 0)
        return {};
    if (l4_checksum(frame, at) != 0)
        return fmt::format("{}.checksum is {:#06x}, off by {:#06x}", at.tcp ? "tcp" : "udp", stands,
                           l4_checksum(frame, at));
    if (at.tcp && stands == 0xffff)
        return "tcp.checksum is 0xffff, which no full computation gives";
    return {};
}

std::string hex(const Bytes &frame) {
    return fmt::format("{:02x}", fmt::join(frame, " "));
}

}  // namespace weir::test
