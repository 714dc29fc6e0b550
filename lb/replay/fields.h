// The fields of a frame by tshark's names: what a difference between two frames is called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weir {

using Bytes = std::span<const std::uint8_t>;

struct Field {
    enum class As { mac, ipv4, ipv6, number, hex, bytes };

    std::string name;
    std::size_t offset = 0;
    std::size_t length = 0;
    As as = As::hex;

    // The field's bytes, as many of them as the frame has.
    Bytes of(Bytes frame) const;
    std::string print(Bytes value) const;
};

// The header fields of both frames, as far as both have the same headers, and then the first byte
// of the rest in which they differ, if any. Together they cover every byte.
std::vector<Field> common_fields(Bytes one, Bytes other);

}  // namespace weir
