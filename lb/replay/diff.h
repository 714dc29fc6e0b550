// What another configuration would make of the same traffic.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/result.h"

namespace weir {

struct DiffResult {
    std::uint64_t frames = 0;
    std::uint64_t flows = 0;                       // that either configuration opens
    std::uint64_t moved = 0;                       // of them: to another backend
    std::uint64_t gained = 0, lost = 0;            // of them: served by one configuration only
    std::map<std::string, std::uint64_t> dropped;  // frames that only the new one drops, by reason
    std::map<std::string, std::uint64_t> spared;   // frames that only the old one drops, by reason
    std::vector<std::string> lines;  // about the first ten flows, or frames of none, that change

    bool changes() const {
        return moved != 0 || gained != 0 || lost != 0 || !dropped.empty() || !spared.empty();
    }
    std::string to_string() const;  // one line
};

// Runs the capture through two data paths, each built from one of the configurations, with no flow
// to begin with.
Result<DiffResult> diff(const Config &before, const Config &after, const std::string &input);

}  // namespace weir
