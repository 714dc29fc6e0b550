// weir replay: a capture through the data path.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/replay/report.h"
#include "lb/replay/session.h"
#include "lb/result.h"

namespace weir {

// How far a replay is.
struct ReplayPosition {
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;  // of the input file; 0: not known
    std::uint64_t size = 0;
};

struct ReplayOptions {
    std::string config;                   // file
    std::string input;                    // capture; "-": standard input
    std::optional<std::string> output;    // capture; "-": standard output
    std::optional<std::string> expected;  // capture to compare with
    std::optional<std::string> report;    // JSON lines
    Timing timing = Timing::no;           // in the report
    std::vector<std::string> ignored;     // fields that are not compared, by name (is_named())
    std::function<void(const ReplayPosition &)> progress{};  // called every thousand frames or so
};

struct ReplayResult {
    Summary summary;
    std::uint64_t differences = 0;  // frames; 0 when nothing was compared
    std::vector<std::string> difference_lines;
};

// Runs options.input through a data path built from `config`. The output and the report are written
// when the whole capture went through, and only then; a difference is no error here.
Result<ReplayResult> replay(const Config &config, const ReplayOptions &options);
// The same through one that has been at work before.
Result<ReplayResult> replay(Session &session, const ReplayOptions &options);

}  // namespace weir
