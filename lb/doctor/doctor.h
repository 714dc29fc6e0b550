// weir doctor, as functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/doctor/finding.h"
#include "lb/result.h"

namespace weir {

// `config` null: the host alone.
Result<Findings> examine(const Config *config);

// "rp_filter of eth0: strict: the kernel drops ... (sysctl -w ...)"
std::string to_line(const Finding &finding);

// What a daemon that has just started warns of: a line per complaint, the worst first; not of
// tuning, and not of what it says itself.
std::vector<std::string> start_warnings(const Config &config);

// For people: a line each, and below a complaint why and what mends it.
std::string show_findings(const Findings &findings);
// {"healthy": true, "findings": [{"check": ..., "severity": "ok", ...}]}
nlohmann::json to_json(const Findings &findings);

// Whether nothing fails.
bool is_healthy(const Findings &findings);

}  // namespace weir
