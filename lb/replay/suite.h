// A replay suite: cases in folders, run side by side.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lb/replay/case.h"
#include "lb/result.h"

namespace weir {

struct SuiteOptions {
    std::string folder;
    bool update = false;
    unsigned jobs = 0;  // cases at once; 0: one for each CPU that may be used
};

// Runs every folder at or below `folder` that has a weir.yaml. `tell` hears of each in the order of
// their names, as soon as it and those before it are done. Exit::usage when there is no case.
Result<std::vector<CaseResult>> run_suite(const SuiteOptions &options,
                                          const std::function<void(const CaseResult &)> &tell);

}  // namespace weir
