// Packets for property_test.cpp, in a world so small that tuples meet.
#pragma once

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "tests/prog/model.h"
#include "tests/support/icmp.h"

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
        choose_tuple(model, segment);
        segment.seq = static_cast<std::uint32_t>(random_());
        segment.ack = static_cast<std::uint32_t>(random_());
        if (segment.protocol == Protocol::tcp)
            choose_flags(model, segment);
        segment.ttl = once_in(50) ? static_cast<std::uint8_t>(below(2))
                                  : static_cast<std::uint8_t>(2 + below(254));
        segment.tos = static_cast<std::uint8_t>(random_());
        if (segment.source.address.is_v4())
            segment.ip_options.assign(once_in(10) ? 4 * below(11) : 0, 1);
        else if (once_in(10))
            segment.extensions.assign(1 + below(6), {60, {0, 0, 1, 4, 0, 0, 0, 0}});
        segment.udp_checksum = segment.protocol == Protocol::tcp || !once_in(5);
        fill(segment.payload, once_in(20) ? 1300 : below(64));
        segment.padding = once_in(10) ? below(7) : 0;
        segment.tags = tags();
        return segment;
    }

    // One that is long enough to be cut, and how; its id is one of few.
    std::vector<std::size_t> make_cuttable(Segment &segment) {
        segment.extensions.clear();
        segment.padding = 0;
        segment.id = static_cast<std::uint16_t>(below(40));
        fill(segment.payload, 64 + below(400));
        std::vector<std::size_t> cuts{24 + 8 * below(3)};
        if (once_in(2))
            cuts.push_back(cuts[0] + 8 * (1 + below(2)));
        return cuts;
    }

    template <typename T>
    void shuffle(std::vector<T> &values) {
        std::shuffle(values.begin(), values.end(), random_);
    }

    // An error about `about`, by the host that it was for or by a router.
    Icmp error(Segment &about) {
        about.tags.clear();
        about.extensions.clear();
        if (!about.source.address.is_v4() && once_in(3))
            about.extensions = {{44, {0, 0, 0, 1, 1, 2, 3, 4}}};
        const Bytes frame = build(about);
        const std::size_t least = l4_offset(frame) - l3_offset(frame) + 8;
        const std::size_t cut = least + below(packet_of(frame).size() - least + 1);
        // half a checksum cannot be updated
        Icmp error = error_about(frame, Error(below(3)), cut == least + 9 ? cut - 1 : cut);
        if (once_in(2)) {
            const Endpoint router{Address::v4(203, 0, 113, 254), 0};
            error.source = (about.source.address.is_v4() ? router : to_v6(router)).address;
        }
        error.ttl = once_in(50) ? 1 : static_cast<std::uint8_t>(2 + below(254));
        error.padding = once_in(5) ? below(9) : 0;
        error.tags = tags();
        return error;
    }

    Icmp echo() {
        Endpoint from{Address::v4(203, 0, 113, static_cast<std::uint8_t>(1 + below(3))), 0};
        Endpoint to = destination();
        if (once_in(2)) {
            from = to_v6(from);
            to = to_v6(to);
        }
        Icmp echo = echo_request(from.address, to.address);
        echo.rest = static_cast<std::uint32_t>(random_());
        echo.ttl = static_cast<std::uint8_t>(random_());
        fill(echo.body, below(200));
        echo.tags = tags();
        return echo;
    }

    // A frame that a NAT must leave alone: other protocols, broken and short headers.
    Bytes foreign(const Model &model) {
        Segment base = segment(model);
        base.tags.clear();
        base.extensions.clear();
        const bool v4 = base.source.address.is_v4();
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
                frame[v4 ? 23 : 20] = one_of<std::uint8_t>({2, 47, 50, 132});
                break;
            case 3:  // nothing of the L4 header but its first bytes
                frame.resize((v4 ? 14 + 4 * (frame[14] & 0xfU) : 54) + below(8));
                break;
            default:
                std::generate(frame.begin() + 12, frame.end(),
                              [this] { return static_cast<std::uint8_t>(random_()); });
                frame[12] = 0x87;  // neither IPv4 nor IPv6, nor a tag
        }
        return frame;
    }

  private:
    void fill(Bytes &bytes, std::size_t size) {
        bytes.resize(size);
        std::generate(bytes.begin(), bytes.end(),
                      [this] { return static_cast<std::uint8_t>(random_()); });
    }

    std::vector<Tag> tags() {
        std::vector<Tag> tags(once_in(10) ? 1 + below(2) : 0);
        for (Tag &tag : tags)
            tag = {one_of<std::uint16_t>({0x8100, 0x88a8}), static_cast<std::uint16_t>(random_())};
        return tags;
    }

    Endpoint destination() {
        return *Endpoint::parse(one_of<const char *>(
            {"192.0.2.10:80", "192.0.2.20:80", "192.0.2.21:80", "192.0.2.53:53", "192.0.2.30:80",
             "192.0.2.40:80", "192.0.2.40:53", "192.0.2.64:80", "192.0.2.64:53", "192.0.2.65:80",
             "192.0.2.65:53", "192.0.2.10:81", "198.51.100.11:8080", "203.0.113.9:9"}));
    }

    void choose_tuple(const Model &model, Segment &segment) {
        segment.protocol = once_in(3) ? Protocol::udp : Protocol::tcp;
        segment.source = {once_in(10)
                              ? Address::v4(198, 51, 100, static_cast<std::uint8_t>(11 + below(2)))
                              : Address::v4(203, 0, 113, static_cast<std::uint8_t>(1 + below(3))),
                          static_cast<std::uint16_t>(40000 + below(60))};
        segment.destination = destination();
        if (once_in(2)) {
            segment.source = to_v6(segment.source);
            segment.destination = to_v6(segment.destination);
        }
        if (model.entries().empty() || once_in(2))
            return;
        auto entry = model.entries().begin();
        std::advance(entry, static_cast<std::ptrdiff_t>(below(model.entries().size())));
        segment.source = entry->first.source;
        segment.destination = entry->first.destination;
        segment.protocol = entry->first.protocol;
    }

    // One ACK in two is the one that completes the handshake, where there is one to complete.
    void choose_flags(const Model &model, Segment &segment) {
        segment.tcp_flags = one_of<std::uint8_t>(
            {kSyn, kSyn, kAck, kAck, kAck, kAck | kPsh, kSyn | kAck, kFin | kAck, kRst});
        const auto *known = model.find(tuple_of(segment));
        if (known != nullptr && !known->reply && once_in(2))
            segment.ack = known->connection->ack;
    }

    std::mt19937_64 random_;
};

}  // namespace weir::test
