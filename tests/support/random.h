// Numbers of tests that generate what they test with.
#pragma once

#include <cstddef>
#include <random>

namespace weir::test {

using Random = std::mt19937;

inline std::size_t below(Random &random, std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
}

}  // namespace weir::test
