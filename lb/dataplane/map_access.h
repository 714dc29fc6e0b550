// What the sources of Tables share: typed calls of bpf(2), and addresses as the maps hold them.
#pragma once

#include <bpf/bpf.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "bpf/abi.h"
#include "lb/net/address.h"
#include "lb/result.h"

namespace weir {

// A map and the name under which messages know it.
struct NamedMap {
    int fd = -1;
    std::string_view name;
};

// "map NAME: cannot ACTION: REASON"
tl::unexpected<Error> map_error(std::string_view map, std::string_view action, int error);

inline weir_address to_abi(const Address &address) {
    weir_address result{};
    std::memcpy(result.bytes, address.bytes().data(), sizeof result.bytes);
    return result;
}

inline Address from_abi(const weir_address &address) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), address.bytes, bytes.size());
    return Address(bytes);
}
inline Address from_abi(std::uint32_t v4) {
    return Address::v4(v4);
}

// The index of an array of one.
inline constexpr std::uint32_t kOnly = 0;

template <typename Key, typename Value>
Result<void> put(const NamedMap &map, const Key &key, const Value &value, std::string_view action) {
    if (bpf_map_update_elem(map.fd, &key, &value, BPF_ANY) != 0)
        return map_error(map.name, action, errno);
    return {};
}

template <typename Key, typename Value>
Result<void> get(const NamedMap &map, const Key &key, Value &value) {
    if (bpf_map_lookup_elem(map.fd, &key, &value) != 0)
        return map_error(map.name, "read", errno);
    return {};
}

// Also where there is no such entry.
template <typename Key>
Result<void> erase(const NamedMap &map, const Key &key, std::string_view action) {
    if (bpf_map_delete_elem(map.fd, &key) != 0 && errno != ENOENT)
        return map_error(map.name, action, errno);
    return {};
}

// Calls visit(key, value) for every entry of a map that nobody else changes meanwhile.
template <typename Key, typename Value, typename Visit>
Result<void> for_each(const NamedMap &map, Visit visit) {
    Key key{};
    Key next{};
    const Key *previous = nullptr;
    while (bpf_map_get_next_key(map.fd, previous, &next) == 0) {
        Value value{};
        if (bpf_map_lookup_elem(map.fd, &next, &value) == 0)
            visit(next, value);
        key = next;
        previous = &key;
    }
    if (errno != ENOENT)
        return map_error(map.name, "list its entries", errno);
    return {};
}

// Calls `write` with each item until one fails.
template <typename Items, typename Write>
Result<void> for_all(const Items &items, Write write) {
    for (const auto &item : items)
        if (Result<void> done = write(item); !done)
            return done;
    return {};
}

}  // namespace weir
