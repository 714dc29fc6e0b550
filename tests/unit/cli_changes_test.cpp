// weir backend, overrides, reload, flows flush: what they have a running API do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lb/cli/commands.h"
#include "tests/support/admin.h"

namespace weir {
namespace {

using testing::HasSubstr;

const BackendKey kChanged{"web", *Endpoint::parse("198.51.100.11:8443")};

struct CliRun {
    int status;
    std::string out;
    std::string err;
};

class CliChanges : public testing::Test {
  protected:
    // The words, and the running API's socket.
    CliRun weir(const std::string &words) const {
        std::vector<std::string> line{"weir"};
        std::istringstream stream(words);
        for (std::string word; stream >> word;)
            line.push_back(word);
        line.insert(line.end(), {"--socket", api_.socket()});
        std::vector<const char *> arguments;
        arguments.reserve(line.size());
        for (const auto &word : line)
            arguments.push_back(word.c_str());
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        const int status = run_cli(static_cast<int>(arguments.size()), arguments.data());
        std::fflush(stdout);
        return {status, testing::internal::GetCapturedStdout(),
                testing::internal::GetCapturedStderr()};
    }

    test::RunningApi api_;
};

TEST_F(CliChanges, DrainEnableDisableAndWeightAreOverrides) {
    const auto drained = weir("backend drain web 198.51.100.11:8443");
    EXPECT_EQ(drained.status, 0) << drained.err;
    EXPECT_EQ(drained.out, "web 198.51.100.11:8443: draining, weight 0 (override: drain)\n");
    EXPECT_EQ(drained.err, "");
    EXPECT_EQ(weir("backend weight web 198.51.100.11:8443 0").out,
              "web 198.51.100.11:8443: draining, weight 0 (override: drain, weight 0)\n");
    EXPECT_EQ(weir("backend disable web 198.51.100.11:8443").status, 0);
    EXPECT_EQ(api_.overrides, (Overrides{{kChanged, {Admin::maintenance, 0}}}));
    EXPECT_EQ(weir("backend enable web 198.51.100.11:8443").status, 0);
    EXPECT_EQ(api_.overrides, (Overrides{{kChanged, {Admin::enabled, 0}}})) << "a weight stays";
    EXPECT_EQ(weir("backend weight web 198.51.100.11:8443 default").out,
              "web 198.51.100.11:8443: active, weight 100 (no override)\n");
    EXPECT_EQ(api_.overrides, Overrides{});
    EXPECT_EQ(weir("backend drain web [2001:db8::1]:80").status, 0);
    EXPECT_EQ(api_.overrides.begin()->first.endpoint, *Endpoint::parse("[2001:db8::1]:80"));
}

TEST_F(CliChanges, AWarningIsOneLineOnStderrAndNoFailure) {
    api_.warning = "the change is in force, but a restart will undo it";
    for (const auto *words : {"backend drain web 198.51.100.11:8443", "overrides clear"}) {
        const auto done = weir(words);
        EXPECT_EQ(done.status, 0);
        EXPECT_EQ(done.err, "warning: the change is in force, but a restart will undo it\n");
    }
}

TEST_F(CliChanges, WhatDoesNotExistIsAUsageErrorThatSuggests) {
    const std::vector<std::pair<std::string, std::string>> lines{
        {"backend drain wbe 198.51.100.11:8443", "no service \"wbe\": did you mean web?"},
        {"backend drain web 198.51.100.11", "did you mean 198.51.100.11:8443?"},
        {"backend weight web 198.51.100.11:8443 65536", "weight 65536: expected a number from 0"},
        {"backend weight web 198.51.100.11:8443 x", "weight x: expected a number from 0"},
        {"backend drain ../../../flows?all=true x", "no service \"../../../flows?all=true\""},
        {"overrides clear web 198.51.100.11:8443", "there is no override for backend"},
        {"flows flush --service dsn", "did you mean dns?"},
        {"flows flush", "--all"},
        {"flows flush --all --service web", "does not go with other filters"},
        {"flows --service web flush --all", "does not go with other filters"}};
    for (const auto &[words, expected] : lines) {
        const auto done = weir(words);
        EXPECT_EQ(done.status, 2) << words;
        EXPECT_THAT(done.err, HasSubstr(expected)) << words;
        EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
        EXPECT_EQ(done.out, "");
    }
    EXPECT_EQ(api_.overrides, Overrides{});
    EXPECT_EQ(api_.flows.size(), 4U);
}

TEST_F(CliChanges, OverridesAreListedAndCleared) {
    api_.overrides = {{kChanged, {Admin::drain, {}}},
                      {{"dns", *Endpoint::parse("198.51.100.13:53")}, {Admin::enabled, 3}}};
    EXPECT_THAT(weir("overrides").out, HasSubstr("web      198.51.100.11:8443  drain         -"));
    EXPECT_EQ(Json::parse(weir("overrides --json").out)["overrides"].size(), 2);
    EXPECT_EQ(weir("overrides clear web 198.51.100.11:8443").out, "removed 1 overrides\n");
    EXPECT_EQ(api_.overrides.size(), 1U);
    EXPECT_EQ(weir("overrides clear").out, "removed 1 overrides\n");
    EXPECT_TRUE(api_.overrides.empty());
}

TEST_F(CliChanges, AReloadThatIsRefusedIsStatus1AndItsError) {
    const auto done = weir("reload");
    EXPECT_EQ(done.status, 0);
    EXPECT_EQ(done.out + done.err, "");
    api_.broken = Error{Exit::usage, "weir.yaml:3:5: nonsense"};
    const auto refused = weir("reload");
    EXPECT_EQ(refused.status, 1);
    EXPECT_EQ(refused.err, "weir.yaml:3:5: nonsense\n");
    EXPECT_EQ(api_.reloads, 2);
}

TEST_F(CliChanges, AFlushTellsHowManyFlowsItDeleted) {
    EXPECT_EQ(weir("flows flush --client 203.0.113.1:4001").out, "deleted 1 flows\n");
    EXPECT_EQ(weir("flows --backend 198.51.100.12 flush").out, "deleted 1 flows\n")
        << "a filter before the word counts as well";
    EXPECT_THAT(weir("flows").out, HasSubstr("203.0.113.3:4004")) << "the others are there";
    EXPECT_EQ(weir("flows flush --all").out, "deleted 2 flows\n");
    api_.time_is_up = true;
    const auto cut = weir("flows flush --all");
    EXPECT_EQ(cut.status, 1);
    EXPECT_THAT(cut.err, HasSubstr("repeat the command"));
}

TEST_F(CliChanges, FlowsAreFilteredSortedAndCounted) {
    EXPECT_THAT(weir("flows --sort client --reverse --limit 1").out,
                testing::AllOf(HasSubstr("[2001:db8:1::2]:4003"), HasSubstr("there are more"),
                               testing::Not(HasSubstr("203.0.113.1"))));
    EXPECT_EQ(weir("flows --count").out, "4 flows\n");
    EXPECT_EQ(weir("flows --count --client 203.0.113.0/24 --state established,new").out,
              "3 flows\n");
    EXPECT_EQ(Json::parse(weir("flows --count --json").out)["flows"], 4);
    EXPECT_EQ(weir("flows --count-by service --limit 1").out,
              "SERVICE   FLOWS   SHARE\n"
              "web           2  50.0 %\n"
              "(others)      2  50.0 %\n"
              "4 flows in all\n");
    for (const auto *words : {"flows --limit 0 --json", "flows --limit 200000 --json",
                              "flows --sort idle --json", "flows --json"}) {
        const auto all = Json::parse(weir(words).out);
        EXPECT_EQ(all["flows"].size(), 4) << words;
        EXPECT_EQ(all["truncated"], false) << words;
    }
    EXPECT_THAT(weir("flows --limit 0").out, HasSubstr("203.0.113.3:4004"));
    EXPECT_EQ(weir("flows --vip 192.0.2.10 --protocol tcp --idle 1s flush").out,
              "deleted 4 flows\n");
}

TEST_F(CliChanges, FlowsRefuseWhatDoesNotGoTogether) {
    for (const auto *words :
         {"flows --sort idle --limit 0", "flows --sort idle --limit 200000", "flows --reverse",
          "flows --sort idle --count", "flows --count --count-by state",
          "flows --count flush --all", "flows --count-by state flush --all",
          "flows --sort idle flush --all", "flows --limit 1 flush --all", "flows --count-by idle",
          "flows --state open", "flows --limit x", "flows --client 192.0.2.1/24"}) {
        const auto done = weir(words);
        EXPECT_EQ(done.status, 2) << words;
        EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
    }
    EXPECT_EQ(api_.flows.size(), 4U);
}

TEST_F(CliChanges, AVariableThatIsNotSetDoesNotMeanEverything) {
    api_.overrides = {{kChanged, {Admin::drain, {}}}};
    const auto socket = api_.socket();
    const std::vector<std::vector<const char *>> lines{
        {"weir", "overrides", "clear", "", "", "--socket", socket.c_str()},
        {"weir", "overrides", "clear", "web", "", "--socket", socket.c_str()},
        {"weir", "backend", "drain", "web", "", "--socket", socket.c_str()},
        {"weir", "flows", "flush", "--service", "", "--all", "--socket", socket.c_str()}};
    for (const auto &line : lines) {
        testing::internal::CaptureStderr();
        EXPECT_EQ(run_cli(static_cast<int>(line.size()), line.data()), 2);
        EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("must not be empty"));
    }
    EXPECT_EQ(api_.overrides.size(), 1U);
    EXPECT_EQ(api_.flows.size(), 4U);
}

TEST_F(CliChanges, WithoutADaemonEveryOneSaysSo) {
    const test::TempDir folder;
    const auto socket = (folder.path() / "none.sock").string();
    const std::vector<std::vector<const char *>> lines{
        {"weir", "backend", "drain", "web", "192.0.2.1:80", "--socket", socket.c_str()},
        {"weir", "overrides", "--socket", socket.c_str()},
        {"weir", "overrides", "--socket", socket.c_str(), "clear"},
        {"weir", "flows", "--socket", socket.c_str(), "flush", "--all"},
        {"weir", "reload", "--socket", socket.c_str()}};
    for (const auto &line : lines) {
        testing::internal::CaptureStderr();
        EXPECT_EQ(run_cli(static_cast<int>(line.size()), line.data()), 3) << line[1];
        EXPECT_THAT(testing::internal::GetCapturedStderr(),
                    HasSubstr("no weir daemon answers at " + socket + ": "));
    }
}

}  // namespace
}  // namespace weir
