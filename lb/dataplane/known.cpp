#include "lb/dataplane/known.h"

#include <cstdint>

#include "lb/dataplane/map_access.h"

namespace weir {

namespace {

constexpr std::uint32_t kWordBits = 64;

Result<void> add_bits(const NamedMap &map, std::uint32_t index, std::uint64_t bits) {
    std::uint64_t word = 0;
    return get(map, index, word).and_then([&]() -> Result<void> {
        if ((word | bits) == word)
            return {};
        return put(map, index, word | bits, "add an address");
    });
}

NamedMap named(int map) {
    return {map, "known_addresses"};
}

}  // namespace

Result<void> mark_known(int map, weir_known kind, const std::vector<AddressWrite> &addresses) {
    return for_all(addresses, [&](const AddressWrite &write) {
        const weir_address address = to_abi(write.address);
        const std::uint64_t bit = weir_known_bit(kind, &address);
        return add_bits(named(map), static_cast<std::uint32_t>(bit / kWordBits),
                        std::uint64_t{1} << bit % kWordBits);
    });
}

Result<void> copy_known(int from, int to) {
    for (std::uint32_t index = 0; index < WEIR_KNOWN_WORDS; index++) {
        std::uint64_t word = 0;
        auto done = get(named(from), index, word).and_then([&] {
            return add_bits(named(to), index, word);
        });
        if (!done)
            return done;
    }
    return {};
}

Result<void> mark_all_known(int map) {
    for (std::uint32_t index = 0; index < WEIR_KNOWN_WORDS; index++)
        if (auto done = put(named(map), index, ~std::uint64_t{0}, "add all addresses"); !done)
            return done;
    return {};
}

}  // namespace weir
