// Type exec: real programs.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "lb/dataplane/fd.h"
#include "tests/support/process.h"
#include "tests/support/temp.h"
#include "tests/unit/health_fixture.h"

namespace weir {
namespace {

class HealthExec : public HealthTest {
  protected:
    HealthCheckConfig script(const std::string &text) const {
        auto config = patient(CheckType::exec);
        config.command = {"/bin/sh", "-c", text};
        return config;
    }
    std::string verdict_of(const std::string &text) { return verdict(script(text), kEndpoint); }
    std::string path(const std::string &name) const { return (folder_.path() / name).string(); }
    std::string text_of(const std::string &name) const { return test::read_file(path(name)); }

    // Of this process, by the kernel's list; zombies included.
    static std::string children() {
        const auto self = std::to_string(::getpid());
        return test::read_file("/proc/" + self + "/task/" + self + "/children");
    }

    const Endpoint kEndpoint = *Endpoint::parse("[2001:db8::1]:8443");
    test::TempDir folder_;
};

TEST_F(HealthExec, TheExitStatusDecides) {
    EXPECT_EQ(verdict_of("exit 0"), "up");
    EXPECT_EQ(verdict_of("exit 2"), "/bin/sh: exit status 2");
    EXPECT_EQ(verdict_of("echo 'disk full'; echo more; exit 1"),
              "/bin/sh: exit status 1: disk full");
    EXPECT_EQ(verdict_of("kill -9 $$"), "/bin/sh: killed by signal 9");
    EXPECT_EQ(verdict_of("printf 'a\\033b\\n' >&2; exit 1"), "/bin/sh: exit status 1: a?b");
}

TEST_F(HealthExec, IsToldWhomToCheck) {
    EXPECT_EQ(verdict_of("env > " + path("env") + "; pwd > " + path("pwd")), "up");
    const std::string environment = text_of("env");
    for (const char *line :
         {"WEIR_SERVICE=web\n", "WEIR_BACKEND_ADDRESS=2001:db8::1\n", "WEIR_BACKEND_PORT=8443\n"})
        EXPECT_NE(environment.find(line), std::string::npos) << line << environment;
    EXPECT_EQ(environment.find("HOME="), std::string::npos) << environment;
    EXPECT_EQ(text_of("pwd"), "/\n");
}

TEST_F(HealthExec, InheritsNoDescriptorAndNoIgnoredSignal) {
    // Not close-on-exec, as those of libraries.
    ASSERT_EQ(::dup2(STDERR_FILENO, 777), 777);
    const Fd leaky(777);
    const auto before = std::signal(SIGUSR1, SIG_IGN);
    EXPECT_EQ(verdict_of("test ! -e /proc/$$/fd/777"), "up");
    EXPECT_EQ(verdict_of("kill -USR1 $$"), "/bin/sh: killed by signal 10");
    std::signal(SIGUSR1, before);
}

TEST_F(HealthExec, AProgramThatIsMissingIsNotTheBackendsFault) {
    auto config = patient(CheckType::exec);
    config.command = {"/nonexistent/program"};
    EXPECT_EQ(verdict(config, kEndpoint),
              "not made: /nonexistent/program: cannot be run: no such file or directory");
}

// Of what the checker could not ask, the next answer is not a whole interval away.
TEST_F(HealthExec, WhatCouldNotBeMadeIsMadeAgainSoon) {
    auto config = patient(CheckType::exec);
    config.interval = std::chrono::seconds(600);
    config.command = {"/nonexistent/program"};
    checks().configure(config_of(config, {kEndpoint}));
    EXPECT_TRUE(run_until([&] { return checks().counts().not_made >= 2; }));
    EXPECT_TRUE(turns_.empty());
}

TEST_F(HealthExec, IsKilledWithAllThatItStartedWhenItTakesTooLong) {
    auto config = script("sleep 1000 & echo $! > " + path("pid") + "; wait");
    config.timeout = milliseconds(300);
    EXPECT_EQ(verdict(config, kEndpoint), "/bin/sh: no answer within 300ms");
    const int pid = std::stoi(text_of("pid"));
    EXPECT_TRUE(run_until([&] { return children().empty(); })) << children();
    EXPECT_TRUE(test::eventually([&] {
        const std::string stat = test::read_file(fmt::format("/proc/{}/stat", pid));
        return stat.empty() || stat.find(") Z ") != std::string::npos;
    }));
}

TEST_F(HealthExec, WhatItLeavesBehindIsKilled) {
    EXPECT_EQ(verdict_of("sleep 1000 & echo $! > " + path("pid") + "; exit 0"), "up");
    const int pid = std::stoi(text_of("pid"));
    EXPECT_TRUE(test::eventually([&] {
        const std::string stat = test::read_file(fmt::format("/proc/{}/stat", pid));
        return stat.empty() || stat.find(") Z ") != std::string::npos;
    }));
}

TEST_F(HealthExec, OutputIsBounded) {
    EXPECT_EQ(verdict_of("head -c 60000 /dev/zero"), "up");
    EXPECT_EQ(verdict_of("yes"), "/bin/sh: prints more than 64 KiB");
    EXPECT_TRUE(run_until([&] { return children().empty(); })) << children();
}

TEST_F(HealthExec, SoManyRunAtOnceAndNoZombieStays) {
    limits_.programs = 4;
    std::vector<Endpoint> endpoints;
    for (std::uint8_t i = 1; i <= 24; ++i)
        endpoints.push_back({Address::v4(192, 0, 2, i), 1});
    std::size_t most = 0;
    checks().configure(config_of(script("sleep 0.02"), endpoints));
    ASSERT_TRUE(run_until([&] {
        const std::string list = children();
        most = std::max(most, static_cast<std::size_t>(std::count(list.begin(), list.end(), ' ')));
        return turns_.size() == endpoints.size();
    }));
    EXPECT_LE(most, 4U);
    EXPECT_GE(most, 2U);
    EXPECT_LE(checks().counts().most_running, 4U);
    EXPECT_TRUE(run_until([&] { return children().empty(); })) << children();
}

TEST_F(HealthExec, IsKilledAndReapedWithTheChecks) {
    checks().configure(config_of(script("exec sleep 1000"), {kEndpoint}));
    ASSERT_TRUE(run_until([&] { return !children().empty(); }));
    checks_.reset();
    EXPECT_TRUE(run_until([&] { return children().empty(); })) << children();
}

TEST_F(HealthExec, IsKilledAndReapedWithTheLoop) {
    {
        boost::asio::io_context loop;
        HealthChecks checks(loop, [](const auto &...) {});
        checks.configure(config_of(script("exec sleep 1000"), {kEndpoint}));
        while (children().empty())
            loop.run_one_for(milliseconds(20));
    }
    EXPECT_EQ(children(), "");
}

}  // namespace
}  // namespace weir
