// weir replay --suite, as a function.
#pragma once

#include <optional>
#include <string>

#include "lb/replay/suite.h"

namespace weir {

struct SuiteCommand {
    SuiteOptions suite;
    std::optional<std::string> junit;  // file
    bool tap = false;                  // on stdout, in place of lines for people
};

// Runs the suite, tells on stdout how each case went, and returns the exit status: the highest of
// any case.
int suite_command(const SuiteCommand &command);

}  // namespace weir
