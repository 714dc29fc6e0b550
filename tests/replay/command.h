// What the tests of `weir replay` share: the command, and its files in a temporary folder.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp.h"

namespace weir::test {

using Json = nlohmann::ordered_json;

class ReplayTest : public ::testing::Test {
  protected:
    void SetUp() override;  // skips when the data path cannot be loaded here

    std::string path(const std::string &name) const { return (folder_.path() / name).string(); }
    // `weir replay ARGUMENTS`
    static ProcessResult replay(const std::vector<std::string> &arguments);
    // Names of the files in the folder.
    std::vector<std::string> files() const;

    TempDir folder_;
};

// The report's lines, without the last one. Throws when one is no JSON.
std::vector<Json> read_report(const std::string &file);
// What the last line has.
Json read_summary(const std::string &file);

std::size_t lines_in(const std::string &text);

// A web service at 192.0.2.10:80 and a DNS service at 192.0.2.53:53, each with one backend; small
// tables. `more` goes in front.
std::string services_yaml(const std::string &more = "");

}  // namespace weir::test
