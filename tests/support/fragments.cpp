#include "tests/support/fragments.h"

#include <map>

#include "tests/support/layout.h"

namespace weir::test {

namespace {

constexpr std::size_t kFragmentHeader = 8;

Bytes part_v4(const Bytes &frame, const Layout &whole, std::size_t from, std::size_t to,
              std::uint32_t id) {
    const bool last = whole.l4 + to == whole.end;
    Bytes part = slice(frame, 0, whole.l4);
    part.insert(part.end(), at(frame, whole.l4 + from), at(frame, whole.l4 + to));
    put16(part, whole.l3 + 2, part.size() - whole.l3);
    put16(part, whole.l3 + 4, id);
    put16(part, whole.l3 + 6, (last ? 0U : 0x2000U) | from / 8);
    put16(part, whole.l3 + 10, 0);
    put16(part, whole.l3 + 10, ip_checksum(part, layout_of(part)));
    return part;
}

Bytes part_v6(const Bytes &frame, const Layout &whole, std::size_t from, std::size_t to,
              std::uint32_t id) {
    const bool last = whole.l4 + to == whole.end;
    Bytes part = slice(frame, 0, whole.l4);
    part.resize(whole.l4 + kFragmentHeader);
    part[whole.l4] = part[whole.l3 + 6];
    part[whole.l3 + 6] = 44;
    put16(part, whole.l4 + 2, from | (last ? 0U : 1U));
    put32(part, whole.l4 + 4, id);
    part.insert(part.end(), at(frame, whole.l4 + from), at(frame, whole.l4 + to));
    put16(part, whole.l3 + 4, part.size() - whole.l3 - kIpv6);
    return part;
}

// What all parts of a packet have in common: addresses, identification and protocol.
Bytes identity(const Bytes &frame, const Layout &part) {
    Bytes same = part.v6 ? slice(frame, part.l3 + 8, part.l3 + 40)
                         : slice(frame, part.l3 + 12, part.l3 + 20);
    const std::size_t id = part.v6 ? part.fragment_header + 4 : part.l3 + 4;
    same.insert(same.end(), at(frame, id), at(frame, id + (part.v6 ? 4 : 2)));
    same.push_back(part.protocol);
    return same;
}

Bytes join(const Bytes &first, const Layout &layout, const Bytes &payload) {
    Bytes frame = slice(first, 0, layout.v6 ? layout.fragment_header : layout.l4);
    frame.insert(frame.end(), payload.begin(), payload.end());
    if (layout.v6) {
        frame[layout.l3 + 6] = layout.protocol;
        put16(frame, layout.l3 + 4, payload.size());
        return frame;
    }
    put16(frame, layout.l3 + 2, frame.size() - layout.l3);
    put16(frame, layout.l3 + 6, 0);
    put16(frame, layout.l3 + 10, 0);
    put16(frame, layout.l3 + 10, ip_checksum(frame, layout_of(frame)));
    return frame;
}

}  // namespace

std::vector<Bytes> fragment(const Bytes &frame, const std::vector<std::size_t> &cuts,
                            std::uint32_t id) {
    const Layout whole = layout_of(frame);
    std::vector<Bytes> parts;
    std::size_t from = 0;
    for (std::size_t i = 0; i <= cuts.size(); ++i) {
        const std::size_t to = i < cuts.size() ? cuts[i] : whole.end - whole.l4;
        parts.push_back(whole.v6 ? part_v6(frame, whole, from, to, id)
                                 : part_v4(frame, whole, from, to, id));
        from = to;
    }
    return parts;
}

std::optional<Bytes> reassemble(const std::vector<Bytes> &fragments) {
    std::map<std::size_t, Bytes> parts;
    const Bytes *first = nullptr;
    std::size_t end = 0;
    for (const Bytes &frame : fragments) {
        const Layout layout = layout_of(frame);
        if (!layout.is_fragment || identity(frame, layout) != identity(fragments[0], layout))
            return std::nullopt;
        const std::uint16_t field =
            get16(frame, layout.v6 ? layout.fragment_header + 2 : layout.l3 + 6);
        const std::size_t offset = layout.v6 ? field & 0xfff8U : (field & 0x1fffU) * 8U;
        if (offset == 0)
            first = &frame;
        if (!(field & (layout.v6 ? 0x0001U : 0x2000U)))
            end = offset + layout.end - layout.l4;
        if (!parts.emplace(offset, slice(frame, layout.l4, layout.end)).second)
            return std::nullopt;
    }
    Bytes payload;
    for (const auto &[offset, part] : parts) {
        if (offset != payload.size())
            return std::nullopt;
        payload.insert(payload.end(), part.begin(), part.end());
    }
    if (first == nullptr || payload.size() != end)
        return std::nullopt;
    return join(*first, layout_of(*first), payload);
}

}  // namespace weir::test
