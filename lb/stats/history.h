// Rates of the last minutes, from counters that are read every few seconds. Pure: times and
// counters are arguments.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lb/dataplane/tables.h"

namespace weir {

// The counters of a service at a time. `id` is the tables': another one under the same name has
// counters of its own.
struct ServiceReading {
    std::string name;
    std::uint32_t id = 0;
    Counters counters;
};

struct Reading {
    std::chrono::steady_clock::time_point at;
    std::chrono::system_clock::time_point time;  // the same, for people
    std::vector<ServiceReading> services;
    DropCounters drops{};
};

// Per second, as the mean of a sample's time. Not a number: not known.
struct Rates {
    float forward_packets;
    float forward_bytes;
    float reply_packets;
    float reply_bytes;
    float new_flows;
};

// Bounded: 2.4 KB for each service that the last reading had, 24 MB for ten thousand.
class History {
  public:
    static constexpr std::chrono::seconds kPeriod{5};  // between readings
    static constexpr std::size_t kSamples = 120;       // ten minutes

    using DropRates = std::array<float, WEIR_DROP_REASONS>;
    using Ring = std::vector<Rates>;

    // The first reading makes no sample, and one at the time of the last neither. A counter that
    // went back makes its service's sample unknown; so does a service that is new, or gone and
    // back.
    void add(const Reading &reading);

    // Samples are numbered from 1 on; those from first() to last() are kept. None: last() is 0.
    std::uint64_t last() const { return last_; }
    std::uint64_t first() const { return last_ > kSamples ? last_ - kSamples + 1 : 1; }
    std::chrono::system_clock::time_point time(std::uint64_t number) const {
        return times_[number % kSamples];
    }
    const DropRates &drops(std::uint64_t number) const { return drops_[number % kSamples]; }

    struct Service {
        std::uint32_t id = 0;
        Counters counters;  // as last read
        Ring ring{};

        const Rates &at(std::uint64_t number) const { return ring[number % kSamples]; }
    };
    // By name, those of the last reading.
    const std::map<std::string, Service> &services() const { return services_; }

  private:
    void add_services(const Reading &reading, float seconds);
    void add_drops(const Reading &reading, float seconds);

    std::uint64_t last_ = 0;
    bool begun_ = false;
    std::chrono::steady_clock::time_point at_{};  // of the last reading
    DropCounters drop_counters_{};
    std::array<std::chrono::system_clock::time_point, kSamples> times_{};
    std::array<DropRates, kSamples> drops_{};
    std::map<std::string, Service> services_;
};

}  // namespace weir
