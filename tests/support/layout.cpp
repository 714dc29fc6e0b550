#include "tests/support/layout.h"

namespace weir::test {

namespace {

bool is_tag(std::uint16_t type) {
    return type == 0x8100 || type == 0x88a8;
}

void walk_v6(const Bytes &frame, Layout &at) {
    at.protocol = frame[at.l3 + 6];
    at.l4 = at.l3 + kIpv6;
    at.end = at.l4 + get16(frame, at.l3 + 4);
    while (at.protocol != 6 && at.protocol != 17 && at.protocol != 58 &&
           at.l4 + 8 <= frame.size()) {
        std::size_t length = 8 + frame[at.l4 + 1] * 8U;
        if (at.protocol == 44) {
            length = 8;
            at.fragment_header = at.l4;
            at.is_fragment = (get16(frame, at.l4 + 2) & 0xfff9) != 0;
        }
        at.protocol = frame[at.l4];
        at.l4 += length;
    }
}

std::size_t checksum_place(std::uint8_t protocol) {
    return protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
}

}  // namespace

Layout layout_of(const Bytes &frame) {
    Layout at{};
    std::size_t type = 12;
    while (type + 6 <= frame.size() && is_tag(get16(frame, type)))
        type += 4;
    at.l3 = type + 2;
    at.v6 = get16(frame, type) == 0x86dd;
    if (at.v6) {
        walk_v6(frame, at);
    } else {
        at.protocol = frame[at.l3 + 9];
        at.l4 = at.l3 + (frame[at.l3] & 0xfU) * 4UL;
        at.end = at.l3 + get16(frame, at.l3 + 2);
        at.is_fragment = (get16(frame, at.l3 + 6) & 0x3fff) != 0;
    }
    at.l4_check = at.l4 + checksum_place(at.protocol);
    return at;
}

std::uint16_t ip_checksum(const Bytes &frame, const Layout &layout) {
    const std::size_t header = (frame[layout.l3] & 0xfU) * 4UL;
    return finish_sum(sum_words(std::span(frame).subspan(layout.l3, header)));
}

std::uint16_t l4_checksum(const Bytes &frame, const Layout &layout) {
    const std::size_t length = layout.end - layout.l4;
    std::uint32_t sum = sum_words(std::span(frame).subspan(layout.l4, length));
    if (layout.protocol == 1)  // no pseudo header
        return finish_sum(sum);
    sum += sum_words(layout.v6 ? std::span(frame).subspan(layout.l3 + 8, 32)
                               : std::span(frame).subspan(layout.l3 + 12, 8));
    return finish_sum(sum + layout.protocol + static_cast<std::uint32_t>(length));
}

std::size_t put_ethernet(Bytes &frame, const MacAddress &destination, const MacAddress &source,
                         const std::vector<Tag> &tags, bool v6) {
    put_bytes(frame, 0, destination.bytes);
    put_bytes(frame, 6, source.bytes);
    std::size_t type = 12;
    for (const Tag &tag : tags) {
        put16(frame, type, tag.kind);
        put16(frame, type + 2, tag.tci);
        type += 4;
    }
    put16(frame, type, v6 ? 0x86dd : 0x0800);
    return type + 2;
}

}  // namespace weir::test
