#include "lb/replay/fields.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

namespace weir {

namespace {

using As = Field::As;

// Offsets from the start of the header; sizes of the headers without options.
constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIpv4 = 20;
constexpr std::size_t kTcp = 20;
constexpr std::size_t kUdp = 8;

const std::array<Field, 3> kEthernetFields{
    {{"eth.dst", 0, 6, As::mac}, {"eth.src", 6, 6, As::mac}, {"eth.type", 12, 2, As::hex}}};

const std::array<Field, 10> kIpv4Fields{{{"ip.hdr_len", 0, 1, As::hex},
                                         {"ip.dsfield", 1, 1, As::hex},
                                         {"ip.len", 2, 2, As::number},
                                         {"ip.id", 4, 2, As::hex},
                                         {"ip.flags", 6, 2, As::hex},
                                         {"ip.ttl", 8, 1, As::number},
                                         {"ip.proto", 9, 1, As::number},
                                         {"ip.checksum", 10, 2, As::hex},
                                         {"ip.src", 12, 4, As::address},
                                         {"ip.dst", 16, 4, As::address}}};

const std::array<Field, 9> kTcpFields{{{"tcp.srcport", 0, 2, As::number},
                                       {"tcp.dstport", 2, 2, As::number},
                                       {"tcp.seq_raw", 4, 4, As::number},
                                       {"tcp.ack_raw", 8, 4, As::number},
                                       {"tcp.hdr_len", 12, 1, As::hex},
                                       {"tcp.flags", 13, 1, As::hex},
                                       {"tcp.window_size_value", 14, 2, As::number},
                                       {"tcp.checksum", 16, 2, As::hex},
                                       {"tcp.urgent_pointer", 18, 2, As::number}}};

const std::array<Field, 4> kUdpFields{{{"udp.srcport", 0, 2, As::number},
                                       {"udp.dstport", 2, 2, As::number},
                                       {"udp.length", 4, 2, As::number},
                                       {"udp.checksum", 6, 2, As::hex}}};

// Walks the headers that two frames have in common.
class Walk {
  public:
    Walk(Bytes one, Bytes other)
        : one_(one), other_(other), both_(std::min(one.size(), other.size())) {}

    std::vector<Field> fields() {
        if (header(kEthernetFields, kEthernet) && same(12, 2) && one_[12] == 0x08 && one_[13] == 0)
            ipv4();
        rest();
        return std::move(fields_);
    }

  private:
    bool same(std::size_t offset, std::size_t length) const {
        return std::equal(one_.begin() + static_cast<std::ptrdiff_t>(offset),
                          one_.begin() + static_cast<std::ptrdiff_t>(offset + length),
                          other_.begin() + static_cast<std::ptrdiff_t>(offset));
    }

    template <std::size_t N>
    bool header(const std::array<Field, N> &fields, std::size_t length) {
        if (end_ + length > both_)
            return false;
        for (Field field : fields) {
            field.offset += end_;
            fields_.push_back(std::move(field));
        }
        end_ += length;
        return true;
    }

    void options(const char *name, std::size_t length) {
        if (length == 0 || end_ + length > both_)
            return;
        fields_.push_back({name, end_, length, As::bytes});
        end_ += length;
    }

    void ipv4() {
        const std::size_t ip = end_;
        if (!header(kIpv4Fields, kIpv4) || !same(ip, 1))
            return;
        const std::size_t length = std::size_t{one_[ip] & 0x0fU} * 4;
        if (length < kIpv4 || ip + length > both_)
            return;
        options("ip.options", length - kIpv4);
        const bool first_fragment = (one_[ip + 6] & 0x1fU) == 0 && one_[ip + 7] == 0;
        if (!same(ip + 6, 2) || !same(ip + 9, 1) || !first_fragment)
            return;
        if (one_[ip + 9] == IPPROTO_TCP)
            tcp();
        else if (one_[ip + 9] == IPPROTO_UDP)
            header(kUdpFields, kUdp);
    }

    void tcp() {
        const std::size_t start = end_;
        if (!header(kTcpFields, kTcp) || !same(start + 12, 1))
            return;
        const std::size_t length = std::size_t{one_[start + 12]} / 16 * 4;
        if (length > kTcp)
            options("tcp.options", length - kTcp);
    }

    void rest() {
        const std::size_t most = std::max(one_.size(), other_.size());
        std::size_t at = end_;
        while (at < both_ && one_[at] == other_[at])
            at++;
        if (at < most)
            fields_.push_back({fmt::format("payload at offset {}", at), at, 1, As::hex});
    }

    Bytes one_;
    Bytes other_;
    std::size_t both_;
    std::size_t end_ = 0;  // of the headers so far
    std::vector<Field> fields_;
};

}  // namespace

Bytes Field::of(Bytes frame) const {
    if (offset >= frame.size())
        return {};
    return frame.subspan(offset, std::min(length, frame.size() - offset));
}

std::string Field::print(Bytes value) const {
    if (value.empty())
        return "nothing";
    std::uint64_t number = 0;
    for (const std::uint8_t byte : value)
        number = number << 8U | byte;
    switch (as) {
        case As::mac:
            return fmt::format("{:02x}", fmt::join(value, ":"));
        case As::address:
            return fmt::format("{}", fmt::join(value, "."));
        case As::number:
            return std::to_string(number);
        case As::hex:
            return fmt::format("0x{:0{}x}", number, value.size() * 2);
        case As::bytes:
            break;
    }
    return fmt::format("{:02x}", fmt::join(value, " "));
}

std::vector<Field> common_fields(Bytes one, Bytes other) {
    return Walk(one, other).fields();
}

}  // namespace weir
