#include "tests/support/icmp.h"

#include "tests/support/layout.h"

namespace weir::test {

namespace {

void build_ip(const Icmp &message, Bytes &frame, std::size_t l3) {
    if (!message.source.is_v4()) {
        frame[l3] = static_cast<std::uint8_t>(0x60 | message.tos >> 4);
        frame[l3 + 1] = static_cast<std::uint8_t>(message.tos << 4);
        put16(frame, l3 + 4, 8 + message.body.size());
        frame[l3 + 6] = 58;
        frame[l3 + 7] = message.ttl;
        put_address(frame, l3 + 8, message.source);
        put_address(frame, l3 + 24, message.destination);
        return;
    }
    const std::size_t header = kIpv4 + message.ip_options.size();
    frame[l3] = static_cast<std::uint8_t>(0x40 | header / 4);
    frame[l3 + 1] = message.tos;
    put16(frame, l3 + 2, header + 8 + message.body.size());
    put16(frame, l3 + 4, message.id);
    frame[l3 + 8] = message.ttl;
    frame[l3 + 9] = 1;
    put_address(frame, l3 + 12, message.source);
    put_address(frame, l3 + 16, message.destination);
    put_bytes(frame, l3 + kIpv4, message.ip_options);
}

}  // namespace

Bytes build(const Icmp &message) {
    const bool v6 = !message.source.is_v4();
    const std::size_t l3 = kEthernet + 4 * message.tags.size();
    const std::size_t l4 = l3 + (v6 ? kIpv6 : kIpv4 + message.ip_options.size());
    Bytes frame(l4 + 8 + message.body.size() + message.padding);
    put_ethernet(frame, message.destination_mac, message.source_mac, message.tags, v6);
    build_ip(message, frame, l3);
    frame[l4] = message.type;
    frame[l4 + 1] = message.code;
    put32(frame, l4 + 4, message.rest);
    put_bytes(frame, l4 + 8, message.body);
    const Layout layout = layout_of(frame);
    if (!v6)
        put16(frame, l3 + 10, ip_checksum(frame, layout));
    put16(frame, l4 + 2, l4_checksum(frame, layout));
    return frame;
}

std::optional<Icmp> read_icmp(const Bytes &frame) {
    if (frame.size() < kEthernet + kIpv4 + 8)
        return std::nullopt;
    const Layout layout = layout_of(frame);
    const std::size_t l3 = layout.l3;
    if (layout.protocol != (layout.v6 ? 58 : 1) || layout.end > frame.size() ||
        layout.l4 + 8 > layout.end)
        return std::nullopt;
    Icmp message;
    std::copy_n(frame.begin(), 6, message.destination_mac.bytes.begin());
    std::copy_n(frame.begin() + 6, 6, message.source_mac.bytes.begin());
    for (std::size_t tag = 12; tag + 2 < l3; tag += 4)
        message.tags.push_back({get16(frame, tag), get16(frame, tag + 2)});
    message.source = layout.v6 ? get_v6(frame, l3 + 8) : get_v4(frame, l3 + 12);
    message.destination = layout.v6 ? get_v6(frame, l3 + 24) : get_v4(frame, l3 + 16);
    message.ttl = frame[l3 + (layout.v6 ? 7 : 8)];
    message.tos =
        layout.v6 ? static_cast<std::uint8_t>(frame[l3] << 4 | frame[l3 + 1] >> 4) : frame[l3 + 1];
    if (!layout.v6) {
        message.id = get16(frame, l3 + 4);
        message.ip_options = slice(frame, l3 + kIpv4, layout.l4);
    }
    message.type = frame[layout.l4];
    message.code = frame[layout.l4 + 1];
    message.rest = get32(frame, layout.l4 + 4);
    message.body = slice(frame, layout.l4 + 8, layout.end);
    message.padding = frame.size() - layout.end;
    return message;
}

Icmp error_about(const Bytes &frame, Error error, std::size_t carried) {
    const Layout layout = layout_of(frame);
    Icmp message;
    message.body = packet_of(frame);
    message.body.resize(std::min(message.body.size(), carried));
    message.source = layout.v6 ? get_v6(frame, layout.l3 + 24) : get_v4(frame, layout.l3 + 16);
    message.destination = layout.v6 ? get_v6(frame, layout.l3 + 8) : get_v4(frame, layout.l3 + 12);
    switch (error) {
        case Error::unreachable:
            message.type = layout.v6 ? 1 : 3;
            message.code = layout.v6 ? 4 : 3;
            break;
        case Error::time_exceeded:
            message.type = layout.v6 ? 3 : 11;
            break;
        case Error::too_big:
            message.type = layout.v6 ? 2 : 3;
            message.code = layout.v6 ? 0 : 4;
            message.rest = 1400;
            break;
        case Error::parameter_problem:
            message.type = layout.v6 ? 4 : 12;
            message.rest = layout.v6 ? 6 : 9U << 24;  // where the next protocol stands
    }
    return message;
}

Icmp echo_request(const Address &source, const Address &destination) {
    Icmp message;
    message.source = source;
    message.destination = destination;
    message.type = source.is_v4() ? 8 : 128;
    message.rest = 0x12340007;
    for (std::uint8_t byte = 0; byte < 57; ++byte)
        message.body.push_back(byte);
    return message;
}

}  // namespace weir::test
