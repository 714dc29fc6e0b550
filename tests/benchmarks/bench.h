// What every benchmark's main() does.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <exception>

namespace weir::test {

// The exit status: that of `work`, or 1 with one line when it throws.
inline int run_benchmark(const char *name, int (*work)()) {
    try {
        return work();
    } catch (const std::exception &error) {
        fmt::print(stderr, "{}: {}\n", name, error.what());
        return 1;
    }
}

}  // namespace weir::test
