// The fields of a frame by tshark's names: what a difference between two frames is called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
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

// Whether a field can have this name, or all the fields of this protocol begin with it ("ip").
bool names_a_field(std::string_view name);
// Whether the field has this name, or belongs to this protocol.
bool is_named(std::string_view field, std::string_view name);

// The header fields of both frames, as far as both have the same headers, and then the first byte
// of the rest in which they differ, if any. Together they cover every byte.
std::vector<Field> common_fields(Bytes one, Bytes other);

}  // namespace weir
