#include "lb/dataplane/known.h"

#include <cstdint>

#include "lb/dataplane/map_access.h"

namespace weir {

namespace {

constexpr std::uint32_t kWordBits = 64;

Result<void> mark_one(const NamedMap &map, weir_known kind, const Address &known) {
    const weir_address address = to_abi(known);
    const std::uint64_t bit = weir_known_bit(kind, &address);
    const auto index = static_cast<std::uint32_t>(bit / kWordBits);
    const std::uint64_t wanted = std::uint64_t{1} << bit % kWordBits;
    std::uint64_t word = 0;
    return get(map, index, word).and_then([&]() -> Result<void> {
        if ((word & wanted) != 0)
            return {};
        return put(map, index, word | wanted, "add " + known.to_string());
    });
}

NamedMap named(int map) {
    return {map, "known_addresses"};
}

}  // namespace

Result<void> mark_known(int map, weir_known kind, const std::vector<AddressWrite> &addresses) {
    return for_all(addresses, [&](const AddressWrite &write) {
        return mark_one(named(map), kind, write.address);
    });
}

Result<void> mark_known(int map, weir_known kind, const AddressCounts &addresses) {
    return for_all(addresses,
                   [&](const auto &one) { return mark_one(named(map), kind, one.first); });
}

Result<void> mark_all_known(int map) {
    for (std::uint32_t index = 0; index < WEIR_KNOWN_WORDS; index++)
        if (auto done = put(named(map), index, ~std::uint64_t{0}, "add all addresses"); !done)
            return done;
    return {};
}

}  // namespace weir
