// What there is to be seen between two samples: rates, and what is wrong. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lb/top/sample.h"

namespace weir {

struct TopRates {  // each per second
    double packets_in = 0;
    double packets_out = 0;
    double bits_in = 0;
    double bits_out = 0;
    double new_flows = 0;
};

struct TopServiceRow {
    TopService service;
    std::optional<TopRates> rates;  // unknown of what was not there at the sample before
    std::uint64_t flows = 0;        // that live
    std::size_t backends = 0;
    std::size_t active = 0;  // of them
};

struct TopBackendRow {
    TopBackend backend;
    std::optional<TopRates> rates;
};

struct TopView {
    TopSample sample;
    std::vector<TopServiceRow> services;
    std::vector<TopBackendRow> backends;
    std::optional<TopRates> total;                      // of all services
    std::uint64_t flows = 0;                            // that live
    std::vector<std::pair<std::string, double>> drops;  // packets/s by reason, the most first
    std::vector<std::string> problems;                  // a line each, the worst first
};

// A counter that is lower than before began anew, and counts from 0.
TopView make_top_view(const std::optional<TopSample> &before, TopSample now);

// The object that `weir top --json` prints for an interval. `time` is unix seconds.
Json top_document(const TopView &view, double time);

}  // namespace weir
