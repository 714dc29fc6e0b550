#include "lb/replay/history.h"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <span>

namespace weir {

namespace {

constexpr std::size_t kKept = 4096;  // frames
constexpr std::size_t kStepsTold = 5;
constexpr int kTagsTold = 2;

using Bytes = std::span<const std::uint8_t>;

std::uint16_t two_bytes(Bytes frame, std::size_t at) {
    return static_cast<std::uint16_t>(frame[at] << 8U | frame[at + 1]);
}

// Where the network header begins, and its EtherType.
std::optional<std::pair<std::size_t, std::uint16_t>> network(Bytes frame) {
    std::size_t at = 12;
    for (int tags = 0; tags <= kTagsTold && frame.size() >= at + 2; tags++) {
        const std::uint16_t type = two_bytes(frame, at);
        if (type != ETH_P_8021Q && type != ETH_P_8021AD)
            return std::pair(at + 2, type);
        at += 4;
    }
    return std::nullopt;
}

Address address_at(Bytes frame, std::size_t at, std::size_t length) {
    if (length == 4)
        return Address::v4(frame[at], frame[at + 1], frame[at + 2], frame[at + 3]);
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), bytes.size(), bytes.begin());
    return Address(bytes);
}

std::optional<Ends> ends(Bytes frame, std::size_t addresses, std::size_t length, std::size_t l4) {
    if (frame.size() < l4 + 4)
        return std::nullopt;
    return Ends{{address_at(frame, addresses, length), two_bytes(frame, l4)},
                {address_at(frame, addresses + length, length), two_bytes(frame, l4 + 2)}};
}

bool has_ports(std::uint8_t protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

}  // namespace

std::optional<Ends> ends_of(Bytes frame) {
    const auto found = network(frame);
    if (!found)
        return std::nullopt;
    const auto [ip, type] = *found;
    if (type == ETH_P_IP && frame.size() >= ip + 20 && has_ports(frame[ip + 9]) &&
        (two_bytes(frame, ip + 6) & 0x1fffU) == 0)
        return ends(frame, ip + 12, 4, ip + std::size_t{frame[ip] & 0x0fU} * 4);
    if (type == ETH_P_IPV6 && frame.size() >= ip + 40 && has_ports(frame[ip + 6]))
        return ends(frame, ip + 8, 16, ip + 40);
    return std::nullopt;
}

void PacketHistory::add(std::uint64_t index, const Frame &in, const Outcome &outcome) {
    Entry entry{index,           in.time,         outcome.hook,
                outcome.verdict, outcome.flow,    outcome.reason,
                outcome.service, outcome.backend, {}};
    if (outcome.flow == FlowTrace::reply) {
        if (const auto out = ends_of(outcome.frame.bytes))
            entry.client = out->destination;
    } else if (const auto came = ends_of(in.bytes)) {
        entry.client = came->source;
    }
    if (entries_.size() < kKept)
        entries_.push_back(std::move(entry));
    else
        entries_[next_] = std::move(entry);
    next_ = (next_ + 1) % kKept;
}

std::string PacketHistory::line(const Entry &entry, Resolution resolution) {
    std::string text = fmt::format("before: frame {} at {}: {}, {}", entry.index,
                                   format_time(entry.time, resolution), to_string(entry.hook),
                                   to_string(entry.verdict));
    if (entry.reason)
        text += fmt::format(" ({})", *entry.reason);
    text += fmt::format(", flow {}", to_string(entry.flow));
    if (entry.backend)
        text += fmt::format(", backend {}", *entry.backend);
    return text;
}

std::vector<std::string> PacketHistory::lines(Resolution resolution) const {
    std::vector<std::string> found;
    if (entries_.empty())
        return found;
    const std::size_t count = entries_.size();
    const Entry &last = entries_[(next_ + count - 1) % count];
    if (!last.client || !last.service)
        return found;
    for (std::size_t back = 2; back <= count && found.size() < kStepsTold; back++) {
        const Entry &entry = entries_[(next_ + count - back) % count];
        if (entry.client == last.client && entry.service == last.service)
            found.push_back(line(entry, resolution));
    }
    std::reverse(found.begin(), found.end());
    return found;
}

}  // namespace weir
