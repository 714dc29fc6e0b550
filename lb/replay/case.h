// A case of a replay suite: a folder with a configuration, captures and what is expected of them.
//
//   weir.yaml      the configuration
//   in.pcap        the capture (or in.pcapng)
//   expected.pcap  what comes out of the data path
//   steps.yaml     in place of the two captures, where more is done (steps.h)
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "lb/result.h"

namespace weir {

struct CaseResult {
    enum class Status {
        passed,
        updated,  // what is expected was written anew
        differs,
        failed,  // it could not be run
    };

    std::string name;  // of the folder, below that of the suite
    Status status = Status::passed;
    std::vector<std::string> lines;  // what differs, or why it failed
    Exit exit = Exit::ok;
    std::uint64_t frames = 0;
    std::chrono::nanoseconds duration{};
};

std::string_view to_string(CaseResult::Status status);  // "ok", "updated", "differs", "failed"

// Runs the case on this thread. With `update` what is expected is written, not compared; counters
// are compared all the same.
CaseResult run_case(const std::string &folder, std::string name, bool update);

}  // namespace weir
