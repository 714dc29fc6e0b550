// How the checks of a service end, and how long they take: what a histogram is made of.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "lb/health/judgement.h"

namespace weir {

struct CheckTimes {
    // Upper bounds of the buckets, seconds; there is one more, without a bound.
    static constexpr std::array<double, 12> kBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                    0.05,   0.1,   0.25,   0.5,   1,    2.5};

    std::array<std::uint64_t, kBounds.size() + 1> buckets{};  // checks, each in one
    double sum = 0;                                           // seconds
    std::uint64_t passed = 0;
    std::uint64_t failed = 0;
    std::uint64_t not_made = 0;  // which are in no bucket

    void count(CheckOutcome::Kind kind, std::chrono::microseconds duration);
};

using AllCheckTimes = std::map<std::string, CheckTimes>;  // by service

}  // namespace weir
