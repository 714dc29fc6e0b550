// Big-endian values and addresses in frames, and whole ones' complement sums (RFC 1071).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "lb/net/address.h"

namespace weir::test {

using Bytes = std::vector<std::uint8_t>;

inline void put16(Bytes &bytes, std::size_t offset, std::size_t value) {
    bytes[offset] = static_cast<std::uint8_t>(value >> 8);
    bytes[offset + 1] = static_cast<std::uint8_t>(value);
}
inline void put32(Bytes &bytes, std::size_t offset, std::uint32_t value) {
    put16(bytes, offset, value >> 16);
    put16(bytes, offset + 2, value & 0xffff);
}
inline std::uint16_t get16(const Bytes &bytes, std::size_t offset) {
    return static_cast<std::uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}
inline std::uint32_t get32(const Bytes &bytes, std::size_t offset) {
    return static_cast<std::uint32_t>(get16(bytes, offset)) << 16 | get16(bytes, offset + 2);
}

inline Bytes::const_iterator at(const Bytes &bytes, std::size_t offset) {
    return bytes.begin() + static_cast<std::ptrdiff_t>(offset);
}
inline Bytes slice(const Bytes &bytes, std::size_t from, std::size_t to) {
    return {at(bytes, from), at(bytes, to)};
}
template <typename Source>
void put_bytes(Bytes &bytes, std::size_t offset, const Source &source) {
    std::copy(source.begin(), source.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}
inline void put_address(Bytes &bytes, std::size_t offset, const Address &address) {
    put_bytes(bytes, offset, std::span(address.bytes()).subspan(address.is_v4() ? 12 : 0));
}
inline Address get_v4(const Bytes &bytes, std::size_t offset) {
    return Address::v4(bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]);
}
inline Address get_v6(const Bytes &bytes, std::size_t offset) {
    std::array<std::uint8_t, 16> address{};
    std::copy_n(at(bytes, offset), address.size(), address.begin());
    return Address(address);
}

// The sum of big-endian words, an odd last byte padded with zero; not inverted.
inline std::uint32_t sum_words(std::span<const std::uint8_t> bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += i % 2 == 0 ? static_cast<std::uint64_t>(bytes[i]) << 8 : bytes[i];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint32_t>(sum);
}
inline std::uint16_t finish_sum(std::uint32_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace weir::test
