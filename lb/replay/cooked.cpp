#include "lb/replay/cooked.h"

#include <algorithm>
#include <array>

namespace weir {

namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kMac = 6;

// Where a pseudo header has what is needed.
struct Layout {
    std::size_t length;
    std::size_t type;  // the last byte of the packet type
    std::size_t address_length;
    std::size_t address;
    std::size_t protocol;
};
constexpr Layout kCooked{16, 1, 5, 6, 14};
constexpr Layout kCooked2{20, 10, 11, 12, 0};

// Packet types, as <linux/if_packet.h> has them.
enum : std::uint8_t { kForHost = 0, kBroadcast = 1, kOutgoing = 4 };

}  // namespace

bool uncook(Link link, const MacAddress &own, Frame &frame) {
    const Layout &layout = link == Link::cooked ? kCooked : kCooked2;
    auto &bytes = frame.bytes;
    if (bytes.size() < layout.length || frame.wire_length < layout.length)
        return false;
    std::array<std::uint8_t, kEthernet> header{};
    const auto source = header.begin() + kMac;
    const auto at = [&](std::size_t offset) {
        return bytes.begin() + static_cast<std::ptrdiff_t>(offset);
    };
    if (bytes[layout.type] == kOutgoing)
        std::copy(own.bytes.begin(), own.bytes.end(), source);
    else if (bytes[layout.address_length] == kMac)
        std::copy_n(at(layout.address), kMac, source);
    if (bytes[layout.type] == kForHost)
        std::copy(own.bytes.begin(), own.bytes.end(), header.begin());
    if (bytes[layout.type] == kBroadcast)
        std::fill_n(header.begin(), kMac, std::uint8_t{0xff});
    std::copy_n(at(layout.protocol), 2, header.begin() + 2 * kMac);
    bytes.erase(bytes.begin(), at(layout.length - kEthernet));
    std::copy(header.begin(), header.end(), bytes.begin());
    frame.wire_length -= static_cast<std::uint32_t>(layout.length - kEthernet);
    return true;
}

}  // namespace weir
