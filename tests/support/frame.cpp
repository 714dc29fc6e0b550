#include "tests/support/frame.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/support/layout.h"

namespace weir::test {

namespace {

std::size_t l4_header(Protocol protocol) {
    return protocol == Protocol::tcp ? 20 : 8;
}

void build_v4(const Segment &segment, Bytes &frame, std::size_t l3, std::size_t end) {
    const std::size_t header = kIpv4 + segment.ip_options.size();
    frame[l3] = static_cast<std::uint8_t>(0x40 | header / 4);
    frame[l3 + 1] = segment.tos;
    put16(frame, l3 + 2, end - l3);
    put16(frame, l3 + 4, segment.id);
    put16(frame, l3 + 6, segment.fragment);
    frame[l3 + 8] = segment.ttl;
    frame[l3 + 9] = static_cast<std::uint8_t>(segment.protocol);
    put_address(frame, l3 + 12, segment.source.address);
    put_address(frame, l3 + 16, segment.destination.address);
    put_bytes(frame, l3 + kIpv4, segment.ip_options);
}

void build_v6(const Segment &segment, Bytes &frame, std::size_t l3, std::size_t end) {
    frame[l3] = static_cast<std::uint8_t>(0x60 | segment.tos >> 4);
    frame[l3 + 1] = static_cast<std::uint8_t>(segment.tos << 4);
    put16(frame, l3 + 4, end - l3 - kIpv6);
    frame[l3 + 7] = segment.ttl;
    put_address(frame, l3 + 8, segment.source.address);
    put_address(frame, l3 + 24, segment.destination.address);
    std::size_t next = l3 + 6;  // where the kind of the next header goes
    std::size_t at = l3 + kIpv6;
    for (const Extension &extension : segment.extensions) {
        frame[next] = extension.kind;
        put_bytes(frame, at, extension.bytes);
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

// Of the packet inside an ICMP error, which may be cut short.
std::string embedded_fault(const Bytes &frame, const Layout &outer) {
    Bytes inner(kEthernet);
    put16(inner, 12, outer.v6 ? 0x86dd : 0x0800);
    inner.insert(inner.end(), at(frame, outer.l4 + 8), at(frame, outer.end));
    if (inner.size() < kEthernet + (outer.v6 ? kIpv6 : kIpv4) + 8)
        return "the embedded packet is too short";
    const Layout layout = layout_of(inner);
    std::string fault;
    if (layout.end <= inner.size())
        fault = checksum_fault(inner);
    else if (!layout.v6 && ip_checksum(inner, layout) != 0)
        fault = "ip.checksum is wrong";
    return fault.empty() ? "" : "embedded " + fault;
}

bool is_icmp_error(const Bytes &frame, const Layout &layout) {
    const std::uint8_t type = frame[layout.l4];
    return layout.protocol == 1 ? type == 3 || type == 11 || type == 12
                                : layout.protocol == 58 && type < 128;
}

std::string name_of(std::uint8_t protocol) {
    return protocol == 6 ? "tcp" : protocol == 17 ? "udp" : protocol == 1 ? "icmp" : "icmpv6";
}

void read_addresses(const Bytes &frame, const Layout &layout, Segment &segment) {
    const std::size_t l3 = layout.l3;
    segment.source = {layout.v6 ? get_v6(frame, l3 + 8) : get_v4(frame, l3 + 12),
                      get16(frame, layout.l4)};
    segment.destination = {layout.v6 ? get_v6(frame, l3 + 24) : get_v4(frame, l3 + 16),
                           get16(frame, layout.l4 + 2)};
    segment.ttl = frame[l3 + (layout.v6 ? 7 : 8)];
}

}  // namespace

Bytes build(const Segment &segment) {
    const bool v4 = segment.source.address.is_v4();
    const std::size_t l3 = kEthernet + 4 * segment.tags.size();
    std::size_t l4 = l3 + (v4 ? kIpv4 + segment.ip_options.size() : kIpv6);
    for (const Extension &extension : segment.extensions)
        l4 += v4 ? 0 : extension.bytes.size();
    const std::size_t payload = l4 + l4_header(segment.protocol);
    const std::size_t end = payload + segment.payload.size();
    Bytes frame(end + segment.padding);
    put_ethernet(frame, segment.destination_mac, segment.source_mac, segment.tags, !v4);
    if (v4)
        build_v4(segment, frame, l3, end);
    else
        build_v6(segment, frame, l3, end);
    build_l4(segment, frame, l4);
    put_bytes(frame, payload, segment.payload);

    Layout layout{.v6 = !v4, .l3 = l3, .l4 = l4, .end = end};
    layout.protocol = static_cast<std::uint8_t>(segment.protocol);
    layout.l4_check = l4 + (segment.protocol == Protocol::tcp ? 16U : 6U);
    if (v4)
        put16(frame, l3 + 10, ip_checksum(frame, layout));
    if (segment.protocol == Protocol::tcp || segment.udp_checksum) {
        const std::uint16_t sum = l4_checksum(frame, layout);
        put16(frame, layout.l4_check, sum == 0 && segment.protocol == Protocol::udp ? 0xffff : sum);
    }
    return frame;
}

std::optional<Segment> read(const Bytes &frame) {
    if (frame.size() < kEthernet + kIpv4)
        return std::nullopt;
    const std::size_t l3 = l3_offset(frame);
    const std::uint16_t type = get16(frame, l3 - 2);
    if ((type != 0x0800 && type != 0x86dd) || frame.size() < l3 + (type == 0x86dd ? kIpv6 : kIpv4))
        return std::nullopt;
    const Layout layout = layout_of(frame);
    if (layout.protocol != 6 && layout.protocol != 17)
        return std::nullopt;
    Segment segment;
    segment.protocol = static_cast<Protocol>(layout.protocol);
    const std::size_t payload = layout.l4 + l4_header(segment.protocol);
    if (frame.size() < payload || layout.end > frame.size() || layout.end < payload)
        return std::nullopt;
    std::copy_n(frame.begin(), 6, segment.destination_mac.bytes.begin());
    std::copy_n(frame.begin() + 6, 6, segment.source_mac.bytes.begin());
    for (std::size_t tag = 12; tag + 2 < l3; tag += 4)
        segment.tags.push_back({get16(frame, tag), get16(frame, tag + 2)});
    read_addresses(frame, layout, segment);
    if (segment.protocol == Protocol::tcp) {
        segment.seq = get32(frame, layout.l4 + 4);
        segment.ack = get32(frame, layout.l4 + 8);
        segment.tcp_flags = frame[layout.l4 + 13];
    } else {
        segment.udp_checksum = get16(frame, layout.l4_check) != 0;
    }
    segment.payload = slice(frame, payload, layout.end);
    return segment;
}

std::string checksum_fault(const Bytes &frame) {
    const Layout layout = layout_of(frame);
    if (!layout.v6 && ip_checksum(frame, layout) != 0)
        return fmt::format("ip.checksum is {:#06x}, off by {:#06x}", get16(frame, layout.l3 + 10),
                           ip_checksum(frame, layout));
    if (layout.is_fragment)
        return {};
    const std::uint16_t stands = get16(frame, layout.l4_check);
    const bool udp = layout.protocol == 17;
    if (udp && stands == 0)
        return {};
    if (l4_checksum(frame, layout) != 0)
        return fmt::format("{}.checksum is {:#06x}, off by {:#06x}", name_of(layout.protocol),
                           stands, l4_checksum(frame, layout));
    if (!udp && stands == 0xffff)
        return name_of(layout.protocol) + ".checksum is 0xffff, which no full computation gives";
    return is_icmp_error(frame, layout) ? embedded_fault(frame, layout) : "";
}

std::size_t l3_offset(const Bytes &frame) {
    return layout_of(frame).l3;
}

std::size_t l4_offset(const Bytes &frame) {
    return layout_of(frame).l4;
}

Bytes packet_of(const Bytes &frame) {
    const Layout layout = layout_of(frame);
    return slice(frame, layout.l3, layout.end);
}

std::string hex(const Bytes &frame) {
    return fmt::format("{:02x}", fmt::join(frame, " "));
}

}  // namespace weir::test
