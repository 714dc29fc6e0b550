// What a case of a replay suite does, in order: steps.yaml, or what its folder's files say without.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/tables.h"
#include "lb/model/overrides.h"
#include "lb/result.h"

namespace weir {

// Files are named as in steps.yaml: relative to its folder.
struct ReplayStep {
    std::string input;
    std::optional<std::string> expected;
};
struct ReloadStep {
    std::string config;
};
struct AdvanceStep {
    std::chrono::seconds time{};
};
// What an operator does to a backend; the rest of what was done to it before stays.
struct AdminStep {
    BackendKey backend;
    Admin admin = Admin::enabled;
};
struct WeightStep {
    BackendKey backend;
    std::optional<std::uint32_t> weight;  // none: the configured one
};
// What its health check finds.
struct HealthStep {
    BackendKey backend;
    bool up = true;
};
// The counters that a step can name.
struct CounterField {
    std::string_view name;
    std::uint64_t Counters::*value;
};
inline constexpr std::array<CounterField, 5> kCounterFields{
    {{"new_flows", &Counters::new_flows},
     {"forward_packets", &Counters::forward_packets},
     {"forward_bytes", &Counters::forward_bytes},
     {"reply_packets", &Counters::reply_packets},
     {"reply_bytes", &Counters::reply_bytes}}};

// Counters of a service, or of one of its backends, since the case began.
struct CountersStep {
    std::string service;
    std::optional<std::string> backend;           // "198.51.100.11:8443"
    std::map<std::string, std::uint64_t> values;  // by name: new_flows, forward_packets, ...
};
// Drops since the case began, of the reasons that are named.
struct DropsStep {
    std::map<std::string, std::uint64_t> values;
};

struct Step {
    int line = 0;  // of steps.yaml, from 1; 0: without
    std::variant<ReplayStep, ReloadStep, AdvanceStep, AdminStep, WeightStep, HealthStep,
                 CountersStep, DropsStep>
        action;
};

struct Steps {
    std::vector<std::string> ignore;  // fields that are not compared
    std::vector<Step> steps;
};

// Reads steps.yaml. All that is wrong is Exit::usage: "FILE:LINE:COL: what".
Result<Steps> load_steps(const std::string &file);

}  // namespace weir
