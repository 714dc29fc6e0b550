// What weir trace sockets shows: into a pipe, and on a terminal.
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>

#include "tests/e2e/traced.h"
#include "tests/e2e/traced_calls.h"
#include "tests/support/pseudo_terminal.h"

namespace weir::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TraceOutput : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto why = why_no_namespaces(); !why.empty())
            GTEST_SKIP() << why;
    }
};

// Some calls, and then none until it is killed.
void call_and_pause() {
    connect_and_accept(100);
    ::pause();
}

std::size_t tables_in(const std::string &out) {
    std::size_t tables = 0;
    for (std::size_t at = 0; (at = out.find("weir trace sockets  ", at)) != std::string::npos; at++)
        tables++;
    return tables;
}

TEST_F(TraceOutput, IntoAPipeAreTablesForIntervalsAndHistogramsAtTheEnd) {
    Caller caller("weir-pipe", call_and_pause);
    const auto trace = start_trace(caller, {"--interval", "100ms"});
    caller.begin();
    EXPECT_TRUE(eventually([&] { return trace->out().find("  connect  ") != std::string::npos; }));
    EXPECT_THAT(trace->out(), Not(HasSubstr("@@@|"))) << "not before the end";
    trace->kill(SIGINT);
    const auto done = trace->wait();
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_GE(tables_in(done.out), 2U) << done.out;
    EXPECT_THAT(done.out, HasSubstr("ERRORS\n"));
    EXPECT_THAT(done.out, HasSubstr("\nconnect by weir-pipe (" + std::to_string(caller.pid())));
    EXPECT_THAT(done.out, HasSubstr("@@@|\n"));
    EXPECT_THAT(done.out, Not(HasSubstr("\033")));
}

TEST_F(TraceOutput, EndsAfterSoManyIntervals) {
    const auto done =
        start_trace({"--comm", "weir-nobody", "--interval", "100ms", "--count", "3"})->wait();
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(tables_in(done.out), 4U) << "and one of all: " << done.out;
}

TEST_F(TraceOutput, EndsAfterItsTime) {
    const auto trace = start_trace({"--comm", "weir-nobody", "--duration", "300ms", "--json"});
    const auto done = trace->wait();
    EXPECT_EQ(done.status, 0) << done.err;
    auto told = documents_of(done.out);
    EXPECT_GE(told[0]["seconds"].get<double>(), 0.3);
    EXPECT_TRUE(told[0]["rows"].empty()) << done.out;
    const auto text = start_trace({"--comm", "weir-nobody", "--duration", "1ms"})->wait();
    EXPECT_THAT(text.out, HasSubstr("\nno calls\n"));
}

TEST_F(TraceOutput, OnATerminalItIsLiveAndThenComeTheHistograms) {
    for (const char *end : {"q", "\003"}) {
        PseudoTerminal terminal(24, 100);
        const auto before = terminal.modes();
        Process trace({WEIR_BINARY, "trace", "sockets", "--comm", "wlive", "--interval", "100ms"},
                      {.environment = {"TERM=xterm-256color", "LC_ALL=C.UTF-8"},
                       .terminal = terminal.program_side()});
        EXPECT_TRUE(trace.wait_for_err("tracing all calls of wlive")) << trace.err();
        const Caller caller("wlive", call_and_pause);
        caller.begin();
        EXPECT_TRUE(terminal.shows("wlive  connect")) << terminal.screen() << trace.err();
        EXPECT_TRUE(terminal.shows("CALLS/S")) << terminal.screen();
        terminal.type("s");
        EXPECT_TRUE(terminal.shows("s sort: calls")) << terminal.screen();
        terminal.resize(6, 40);
        EXPECT_TRUE(terminal.hides("CALLS/S")) << terminal.screen();
        EXPECT_TRUE(terminal.shows("... and ")) << terminal.screen();
        terminal.resize(60, 100);
        EXPECT_TRUE(terminal.shows("CALLS/S")) << terminal.screen();
        terminal.type(end);
        EXPECT_EQ(trace.wait().status, 0) << trace.err();
        EXPECT_TRUE(terminal.modes() == before);
        EXPECT_THAT(terminal.screen(), HasSubstr("@@@|")) << "histograms stay";
    }
}

}  // namespace
}  // namespace weir::test
