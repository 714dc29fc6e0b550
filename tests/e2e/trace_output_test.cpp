// What weir trace sockets shows: into a pipe, and on a terminal.
#include <gmock/gmock.h>

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

TEST_F(TraceOutput, IntoAPipeAreTablesForIntervalsAndHistogramsAtTheEnd) {
    Caller caller("weir-pipe", [] {
        for (;;)
            connect_and_accept(1);
    });
    const auto trace = start_trace(caller, {"--interval", "200ms", "--count", "2"});
    caller.begin();
    const auto done = trace->wait();
    EXPECT_EQ(done.status, 0) << done.err;
    std::size_t tables = 0;
    for (std::size_t at = 0; (at = done.out.find("weir trace sockets  ", at)) != std::string::npos;
         at++)
        tables++;
    EXPECT_EQ(tables, 3U) << done.out;
    EXPECT_THAT(done.out, HasSubstr("ERRORS\n"));
    EXPECT_THAT(done.out, HasSubstr("\nconnect by weir-pipe (" + std::to_string(caller.pid())));
    EXPECT_THAT(done.out, HasSubstr("@@@|\n"));
    EXPECT_THAT(done.out, Not(HasSubstr("\033")));
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
    Caller caller("weir-live", [] {
        for (;;)
            connect_and_accept(1);
    });
    caller.begin();
    for (const char *end : {"q", "\003"}) {
        PseudoTerminal terminal(24, 100);
        const auto before = terminal.modes();
        Process trace(
            {WEIR_BINARY, "trace", "sockets", "--comm", "weir-live", "--interval", "100ms"},
            {.environment = {"TERM=xterm-256color", "LC_ALL=C.UTF-8"},
             .terminal = terminal.program_side()});
        EXPECT_TRUE(terminal.shows("weir-live  connect")) << terminal.screen() << trace.err();
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
