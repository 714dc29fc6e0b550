// Real tables, filled from a configuration, and packets that go through the programs beside them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/program.h"
#include "tests/support/value.h"

namespace weir::test {

class TablesTest : public testing::Test {
  protected:
    void SetUp() override {
        if (const std::string why = why_not_runnable(); !why.empty())
            GTEST_SKIP() << why;
    }

    void load(const std::string &yaml) { path_ = std::make_unique<DataPath>(yaml); }
    DataPath &path() { return *path_; }
    Tables &tables() { return path_->tables(); }

    Outcome run(const char *source, const char *destination, Protocol protocol = Protocol::tcp,
                std::uint8_t flags = kSyn) {
        Segment segment;
        segment.source = *Endpoint::parse(source);
        segment.destination = *Endpoint::parse(destination);
        segment.protocol = protocol;
        segment.tcp_flags = flags;
        return path_->run(Entry::tc_ingress, build(segment));
    }

    std::vector<Flow> flows() {
        std::vector<Flow> all;
        value_of(tables().for_each_flow(
            {}, [] { return true; }, [&](const Flow &flow) { all.push_back(flow); }));
        return all;
    }

  private:
    std::unique_ptr<DataPath> path_;
};

}  // namespace weir::test
