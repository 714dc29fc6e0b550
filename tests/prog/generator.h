// Packets for property_test.cpp, in a world so small that tuples meet.
#pragma once

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "tests/prog/model.h"
#include "tests/support/frame.h"

namespace weir::test {

// The configuration has every service twice: a.b.c.d is 2001:db8::a.b.c.d in the other family.
inline Endpoint to_v6(const Endpoint &v4) {
    std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    std::copy_n(v4.address.bytes().begin() + 12, 4, bytes.begin() + 12);
    return {Address(bytes), v4.port};
}

// A small world, so that tuples meet: few clients, few ports.
class Generator {
  public:
    explicit Generator(std::uint64_t seed) : random_(seed) {}

    std::size_t below(std::size_t limit) { return random_() % limit; }
    bool once_in(std::size_t times) { return below(times) == 0; }
    template <typename T>
    T one_of(const std::vector<T> &values) {
        return values[below(values.size())];
    }

    Segment segment(const Model &model) {
        Segment segment;
        segment.protocol = once_in(3) ? Protocol::udp : Protocol::tcp;
        segment.source = {Address::v4(203, 0, 113, static_cast<std::uint8_t>(1 + below(3))),
                          static_cast<std::uint16_t>(40000 + below(60))};
        segment.destination = *Endpoint::parse(one_of<const char *>(
            {"192.0.2.10:80", "192.0.2.20:80", "192.0.2.53:53", "192.0.2.30:80", "192.0.2.10:81",
             "198.51.100.11:8080", "203.0.113.9:9"}));
        if (once_in(2)) {
            segment.source = to_v6(segment.source);
            segment.destination = to_v6(segment.destination);
        }
        if (!model.entries().empty() && once_in(2)) {
            auto entry = model.entries().begin();
            std::advance(entry, static_cast<std::ptrdiff_t>(below(model.entries().size())));
            segment.source = entry->first.source;
            segment.destination = entry->first.destination;
            segment.protocol = entry->first.protocol;
        }
        if (segment.protocol == Protocol::tcp)
            segment.tcp_flags = one_of<std::uint8_t>(
                {kSyn, kSyn, kAck, kAck, kAck, kAck | kPsh, kSyn | kAck, kFin | kAck, kRst});
        segment.seq = static_cast<std::uint32_t>(random_());
        segment.ack = static_cast<std::uint32_t>(random_());
        segment.ttl = once_in(50) ? 1 : static_cast<std::uint8_t>(2 + below(254));
        segment.tos = static_cast<std::uint8_t>(random_());
        if (segment.source.address.is_v4())
            segment.ip_options.assign(once_in(10) ? 4 * below(11) : 0, 1);
        else if (once_in(10))
            segment.extensions.assign(1 + below(6), {60, {0, 0, 1, 4, 0, 0, 0, 0}});
        segment.udp_checksum = segment.protocol == Protocol::tcp || !once_in(5);
        segment.payload.resize(once_in(20) ? 1300 : below(64));
        std::generate(segment.payload.begin(), segment.payload.end(),
                      [this] { return static_cast<std::uint8_t>(random_()); });
        segment.padding = once_in(10) ? below(7) : 0;
        return segment;
    }

    // A frame that a NAT must leave alone: fragments, other protocols, broken and short headers.
    Bytes foreign(const Model &model) {
        Segment base = segment(model);
        const bool v4 = base.source.address.is_v4();
        if (once_in(3)) {
            const auto offset = static_cast<std::uint8_t>(1 + below(250));
            base.fragment = static_cast<std::uint16_t>(once_in(2) ? 0x2000 : offset);
            base.extensions = {{44, {0, 0, offset, 1, 1, 2, 3, 4}}};
            return build(base);
        }
        base.extensions.clear();
        Bytes frame = build(base);
        switch (below(5)) {
            case 0:
                frame[12] = static_cast<std::uint8_t>(0x10 + below(100));
                break;
            case 1:  // another version, and where there is one, a header length that is too small
                frame[14] = static_cast<std::uint8_t>(below(16) << 4 | below(5));
                if (!v4 && frame[14] >> 4 == 6)
                    frame[14] = 0x75;
                break;
            case 2:
                frame[v4 ? 23 : 20] = one_of<std::uint8_t>({1, 2, 47, 50, 132});
                break;
            case 3:  // nothing of the L4 header but its first bytes
                frame.resize((v4 ? 14 + 4 * (frame[14] & 0xfU) : 54) + below(8));
                break;
            default:
                std::generate(frame.begin() + 12, frame.end(),
                              [this] { return static_cast<std::uint8_t>(random_()); });
                frame[12] = 0x88;  // neither IPv4 nor IPv6
        }
        return frame;
    }

  private:
    std::mt19937_64 random_;
};

}  // namespace weir::test
