// JUnit's XML of a suite: what CI servers show.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "lb/replay/case.h"
#include "lb/result.h"

namespace weir {

// One <testsuite> with a <testcase> for each case; what differs is a <failure>, what could not be
// run an <error>. Exit::usage when the file cannot be written to.
Result<void> write_junit(const std::string &file, const std::string &suite,
                         const std::vector<CaseResult> &results, std::chrono::nanoseconds duration);

}  // namespace weir
