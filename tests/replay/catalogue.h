// The cases of pcaps/, and what can be said of their frames.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "lb/replay/capture.h"

namespace weir::test {

std::filesystem::path folder_of(const std::string &name);

// With one capture, or with steps.
enum class Kind { plain, steps };
std::vector<std::string> cases(Kind kind);

// "http-dnat" as part of a test's name.
std::string test_name(const ::testing::TestParamInfo<std::string> &info);

// TCP, UDP, ICMP: what has a checksum, behind any tags and extension headers.
bool is_judged(const Frame &frame);

}  // namespace weir::test
