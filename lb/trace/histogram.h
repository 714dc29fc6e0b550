// How long calls took: counts of times in buckets (bpf/abi_trace.h), and what they tell. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bpf/abi_trace.h"

namespace weir {

class Histogram {
  public:
    void add(const weir_trace_times &times);
    void add(const Histogram &other);

    std::uint64_t count() const { return count_; }
    std::uint64_t sum() const { return sum_; }  // ns
    std::uint64_t max() const { return max_; }  // ns, exact
    // A time, ns, that so many of a hundred calls did not exceed: never less than the true one, and
    // at most a quarter more. 0: there were no calls.
    std::uint64_t percentile(double percent) const;

    struct Range {
        std::uint64_t from = 0;  // ns
        std::uint64_t to = 0;    // ns, the first that is not in it; 0: no end
        std::uint64_t calls = 0;
    };
    // Powers of two, from the first to the last that has calls.
    std::vector<Range> ranges() const;

  private:
    std::array<std::uint64_t, WEIR_TRACE_BUCKETS> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t max_ = 0;
};

// Three digits: "640 ns", "12.3 us", "1.23 ms", "45.6 s", "12m 3s".
std::string format_time(std::uint64_t ns);

}  // namespace weir
