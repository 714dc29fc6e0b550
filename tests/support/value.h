// The value of a Result, or an exception with its message: for the parts of a test that are not
// what it tests.
#pragma once

#include <stdexcept>
#include <type_traits>
#include <utility>

#include "lb/result.h"

namespace weir::test {

template <typename T>
T value_of(Result<T> result) {
    if (!result)
        throw std::runtime_error(result.error().message);
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

}  // namespace weir::test
