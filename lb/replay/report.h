// What a replay tells: one JSON object per frame, and a summary.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lb/config/config.h"
#include "lb/replay/engine.h"

namespace weir {

// Whether a report has times: they are never the same twice.
enum class Timing { no, yes };

// One line of the report, without the newline. `index` counts frames from 1. Lengths are those on
// the wire; "out" is 0 for a frame that was dropped. With timing: "ns", spent in the programs.
std::string report_line(std::uint64_t index, const Frame &in, const Outcome &outcome,
                        Resolution resolution, Timing timing = Timing::no);

// "no_backend 2, unreachable 1"; empty for none.
std::string list_counts(const std::map<std::string, std::uint64_t> &counts);

class Summary {
  public:
    void add(const Frame &in, const Outcome &outcome);
    void set_duration(std::chrono::nanoseconds duration) { duration_ = duration; }

    std::uint64_t frames_in() const { return in_; }
    // The last line of the report: {"summary": ...}. Shares of flows are held against the weights
    // that `config` gives.
    std::string report_line(const Config &config, Timing timing) const;
    // One line, and another one if the capture had cut frames.
    std::string to_string() const;

  private:
    struct Traffic {
        std::uint64_t frames = 0;
        std::uint64_t flows = 0;  // opened
    };
    struct Service {
        Traffic traffic;
        std::map<std::string, Traffic> backends;  // "198.51.100.11:8443"
    };

    static nlohmann::ordered_json of_service(const ServiceConfig &service, const Service &seen);
    std::uint64_t count_of(Verdict verdict) const;

    std::map<std::string, Service> services_;
    std::chrono::nanoseconds spent_{};  // in the programs
    std::uint64_t in_ = 0;
    std::uint64_t cut_ = 0;
    std::map<Verdict, std::uint64_t> verdicts_;
    std::map<std::string, std::uint64_t> reasons_;  // of drops
    std::map<std::string, std::uint64_t>
        answered_;  // of drops that an ICMP error took the place of
    std::chrono::nanoseconds duration_{};
};

}  // namespace weir
