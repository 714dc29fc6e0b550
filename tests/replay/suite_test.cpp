// weir replay --suite: cases in folders, their steps, what is told of them, exit status.
#include <gmock/gmock.h>

#include <filesystem>
#include <pugixml.hpp>

#include "tests/replay/command.h"
#include "tests/support/captures.h"

namespace weir::test {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Two backends, and a health check that nobody makes.
constexpr auto kTwo = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp, health_check: {type: tcp}, on_down: reset,
     backends: [{address: 198.51.100.6, port: 8080}, {address: 198.51.100.10, port: 8080}]}
limits: {flows: 256, new_flows: 256}
)";

Segment syn(std::uint16_t port) {
    Segment segment;
    segment.source = *Endpoint::parse("203.0.113.2:1");
    segment.source.port = port;
    segment.destination = *Endpoint::parse("192.0.2.10:80");
    return segment;
}

// As many SYNs, each of another client.
std::vector<Frame> syns(std::uint16_t count, std::uint16_t first = 40000) {
    std::vector<Frame> frames;
    for (std::uint16_t i = 0; i < count; i++)
        frames.push_back(
            frame_at(milliseconds(i), build(syn(static_cast<std::uint16_t>(first + i)))));
    return frames;
}

class Suite : public ReplayTest {
  protected:
    std::string suite() const { return path("suite"); }
    std::filesystem::path folder(const std::string &name) const {
        auto one = std::filesystem::path(suite()) / name;
        std::filesystem::create_directories(one);
        return one;
    }
    void write(const std::string &name, const std::string &file, const std::string &text) const {
        folder_.write((std::filesystem::path("suite") / name / file).string(), text);
    }
    // With in.pcap, and without what is expected.
    void make_case(const std::string &name, const std::string &config = services_yaml()) const {
        write_capture(folder(name) / "in.pcap", syns(3));
        write(name, "weir.yaml", config);
    }
    // One case of these steps, over a.pcap and b.pcap: ten SYNs each, of other clients.
    void make_steps(const std::string &steps, const std::string &config = kTwo) const {
        write_capture(folder("case") / "a.pcap", syns(10));
        write_capture(folder("case") / "b.pcap", syns(10, 41000));
        write("case", "weir.yaml", config);
        write("case", "steps.yaml", steps);
    }
    ProcessResult run_suite(std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"--suite", suite()});
        return replay(more);
    }
    void expect_passed() const {
        const auto done = run_suite();
        EXPECT_EQ(done.status, 0) << done.out << done.err;
    }
    void expect_differs(const std::string &line) const {
        const auto done = run_suite();
        EXPECT_EQ(done.status, 1) << done.out << done.err;
        EXPECT_THAT(done.out, HasSubstr("         " + suite() + "/case/" + line + "\n"));
    }
    void expect_refused(const std::string &line, int status = 2) const {
        const auto done = run_suite();
        EXPECT_EQ(done.status, status) << done.out << done.err;
        EXPECT_THAT(done.out, AllOf(HasSubstr("failed   case"),
                                    HasSubstr("         " + suite() + "/case/" + line + "\n")));
    }
};

TEST_F(Suite, TheCatalogueOfThisRepositoryPasses) {
    Process suite({WEIR_BINARY, "replay", "--suite", WEIR_PCAPS});
    const auto done = suite.wait(std::chrono::minutes(5));
    EXPECT_EQ(done.status, 0) << done.out << done.err;
    EXPECT_THAT(done.out, HasSubstr("ok       http-dnat (91 frames, "));
    EXPECT_THAT(done.out, HasSubstr(" ok; "));
}

TEST_F(Suite, UpdateWritesWhatIsExpectedAndLeavesWhatIsRight) {
    make_case("one");
    make_case("two/nested");
    auto done = run_suite({"--update"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.out, MatchesRegex("updated  one \\(3 frames, [0-9.]+ s\\)\n"
                                       "updated  two/nested \\(3 frames, [0-9.]+ s\\)\n"
                                       "2 cases: 2 updated; 6 frames in [0-9.]+ s\n"));
    EXPECT_EQ(read_capture(folder("one") / "expected.pcap").size(), 3U);
    expect_passed();
    done = run_suite({"--update"});
    EXPECT_THAT(done.out, HasSubstr("2 cases: 2 ok;"));
}

TEST_F(Suite, ADifferenceNamesTheFieldAndTheFlowBefore) {
    make_case("case");
    auto frames = syns(1);
    frames.push_back(frame_at(milliseconds(1), build(syn(40000))));
    write_capture(folder("case") / "in.pcap", frames);
    ASSERT_EQ(run_suite({"--update"}).status, 0);
    auto wanted = read_capture(folder("case") / "expected.pcap");
    wanted[1].bytes[22]--;  // TTL
    write_capture(folder("case") / "expected.pcap", wanted);
    const auto done = run_suite();
    EXPECT_EQ(done.status, 1);
    EXPECT_THAT(done.out,
                AllOf(HasSubstr("differs  case (2 frames"),
                      HasSubstr("frame 2 at 1700000000.001000 differs from "),
                      HasSubstr("  ip.ttl: 63, expected 62\n"),
                      HasSubstr("  before: frame 1 at 1700000000.000000: xdp_ingress, tx, "
                                "flow new, backend 198.51.100.6:8080\n"),
                      HasSubstr("1 case: 1 differs; 2 frames in ")));
}

TEST_F(Suite, JunitTellsFailuresFromErrors) {
    make_case("differs");
    write_capture(folder("differs") / "expected.pcap", syns(2));
    make_case("misses");
    make_case("passes");
    write_capture(folder("passes") / "in.pcap", {});
    write_capture(folder("passes") / "expected.pcap", {});
    const auto done = run_suite({"--junit", path("out.xml")});
    EXPECT_EQ(done.status, 2) << "the highest";
    pugi::xml_document document;
    ASSERT_TRUE(document.load_file(path("out.xml").c_str()));
    const auto results = document.child("testsuites").child("testsuite");
    EXPECT_STREQ(results.attribute("tests").value(), "3");
    EXPECT_STREQ(results.attribute("failures").value(), "1");
    EXPECT_STREQ(results.attribute("errors").value(), "1");
    const auto of = [&](const char *name) {
        return results.find_child_by_attribute("testcase", "name", name);
    };
    EXPECT_THAT(of("differs").child("failure").text().get(), HasSubstr("eth.dst: "));
    EXPECT_EQ(std::string(of("misses").child("error").attribute("message").value()),
              suite() + "/misses/expected.pcap: is not there; --update writes it");
    EXPECT_TRUE(of("passes"));
    EXPECT_FALSE(of("passes").first_child());
}

TEST_F(Suite, TapTellsTheSame) {
    make_case("one");
    make_case("two");
    ASSERT_EQ(run_suite({"--update"}).status, 0);
    std::filesystem::remove(folder("two") / "expected.pcap");
    const auto done = run_suite({"--tap", "--jobs", "1"});
    EXPECT_EQ(done.out, "TAP version 14\nok 1 - one\nnot ok 2 - two\n  ---\n  message: |\n    " +
                            suite() + "/two/expected.pcap: is not there; --update writes it\n" +
                            "  ...\n1..2\n");
}

TEST_F(Suite, StepsDrainAndEnable) {
    make_steps(R"(
steps:
  - drain: {service: web, backend: "198.51.100.6:8080"}
  - replay: a.pcap
  - counters: {service: web, backend: "198.51.100.6:8080", new_flows: 0}
  - counters: {service: web, backend: "198.51.100.10:8080", new_flows: 10, forward_packets: 10}
  - enable: {service: web, backend: "198.51.100.6:8080"}
  - maintenance: {service: web, backend: "198.51.100.10:8080"}
  - replay: b.pcap
  - counters: {service: web, backend: "198.51.100.6:8080", new_flows: 10}
  - counters: {service: web, new_flows: 20}
  - drops: {no_backend: 0}
)");
    expect_passed();
}

TEST_F(Suite, StepsChangeAWeightAndTakeItBack) {
    make_steps(R"(
steps:
  - weight: {service: web, backend: "198.51.100.6:8080", weight: 0}
  - replay: a.pcap
  - counters: {service: web, backend: "198.51.100.6:8080", new_flows: 0}
  - weight: {service: web, backend: "198.51.100.6:8080"}
  - weight: {service: web, backend: "198.51.100.10:8080", weight: 0}
  - replay: b.pcap
  - counters: {service: web, backend: "198.51.100.6:8080", new_flows: 10}
)");
    expect_passed();
}

TEST_F(Suite, StepsTakeBackendsDownAndUp) {
    make_steps(R"(
steps:
  - down: {service: web, backend: "198.51.100.6:8080"}
  - down: {service: web, backend: "198.51.100.10:8080"}
  - replay: a.pcap
  - drops: {no_backend: 10}
  - up: {service: web, backend: "198.51.100.10:8080"}
  - replay: b.pcap
  - counters: {service: web, backend: "198.51.100.10:8080", new_flows: 10}
)");
    expect_passed();
}

// a.pcap again: its flows are still there, until tcp_new (30s) is over.
TEST_F(Suite, StepsAdvanceTheTime) {
    make_steps(R"(
steps:
  - replay: a.pcap
  - advance: 29s
  - replay: a.pcap
  - counters: {service: web, new_flows: 10}
  - advance: 31s
  - replay: a.pcap
  - counters: {service: web, new_flows: 20}
)");
    expect_passed();
}

TEST_F(Suite, StepsReload) {
    make_steps(R"(
steps:
  - replay: a.pcap
  - reload: next.yaml
  - replay: b.pcap
  - counters: {service: web, backend: "198.51.100.14:8080", new_flows: 10}
)");
    std::string next = kTwo;
    const auto at = next.find("[{address: 198.51.100.6");
    next.replace(at, next.find("]}\n") - at, "[{address: 198.51.100.14, port: 8080}");
    write("case", "next.yaml", next);
    expect_passed();
}

TEST_F(Suite, WhatIsExpectedOfAStepIsComparedAndWritten) {
    make_steps(R"(
steps:
  - replay: a.pcap
    expect: a.expected.pcap
  - replay: a.pcap
    expect: again.expected.pcap
)");
    EXPECT_THAT(run_suite({"--update"}).out, HasSubstr("updated  case (20 frames"));
    expect_passed();
    write_capture(folder("case") / "again.expected.pcap", syns(10));
    EXPECT_EQ(run_suite().status, 1);
}

TEST_F(Suite, FieldsThatACaseIgnoresAreNotCompared) {
    make_steps(
        "ignore: [eth, ip.dst, ip.ttl, ip.checksum, tcp]\nsteps:\n"
        "  - {replay: a.pcap, expect: a.pcap}\n");
    expect_passed();
    make_steps(
        "ignore: [eth, ip.ttl, ip.checksum, tcp]\nsteps:\n"
        "  - {replay: a.pcap, expect: a.pcap}\n");
    EXPECT_THAT(run_suite().out, HasSubstr("ip.dst: 198.51.100."));
}

TEST_F(Suite, ACounterThatIsWrongIsToldWithItsLine) {
    make_steps("steps:\n  - replay: a.pcap\n  - counters: {service: web, new_flows: 9}\n");
    expect_differs("steps.yaml:3: web new_flows: 10, expected 9");
    make_steps("steps:\n  - replay: a.pcap\n  - drops: {no_backend: 1}\n");
    expect_differs("steps.yaml:3: drops no_backend: 0, expected 1");
}

TEST_F(Suite, BadStepsAreRefusedWithTheirPlace) {
    make_steps("steps: [{reply: a.pcap}]\n");
    expect_refused(
        "steps.yaml:1:10: a step: unknown key 'reply' (known keys: replay, reload, "
        "advance, drain, enable, maintenance, weight, up, down, counters, drops, "
        "expect)");
    make_steps("steps:\n  - {advance: 1s, replay: a.pcap}\n");
    expect_refused(
        "steps.yaml:2:5: a step does one thing, one of: replay, reload, advance, drain, "
        "enable, maintenance, weight, up, down, counters, drops");
    make_steps("steps:\n  - {advance: soon}\n");
    EXPECT_THAT(run_suite().out, HasSubstr("steps.yaml:2:15: a step: advance must be "));
    make_steps("steps:\n  - {advance: 1s, expect: a.pcap}\n");
    expect_refused("steps.yaml:2:27: 'expect' belongs to 'replay'");
    make_steps("");
    expect_refused("steps.yaml:1:1: the case is empty");
    make_steps("steps:\n  - {drain: {service: web, backend: \"198.51.100.7:8080\"}}\n");
    expect_refused("steps.yaml:2: service 'web' has no backend 198.51.100.7:8080");
    make_steps("steps:\n  - {drain: {service: www, backend: \"198.51.100.6:8080\"}}\n");
    expect_refused("steps.yaml:2: there is no service 'www'");
    make_steps("steps:\n  - {counters: {service: www, new_flows: 1}}\n");
    expect_refused("steps.yaml:2: there is no www");
    make_steps("steps:\n  - {down: {service: web, backend: \"198.51.100.6:8080\"}}\n",
               services_yaml());
    expect_refused(
        "steps.yaml:2: service 'web' has no health_check that could find a backend "
        "down");
}

TEST_F(Suite, AReloadChangesWhatTheDaemonWouldChange) {
    make_steps("steps: [{reload: next.yaml}]\n");
    std::string next = kTwo;
    next.replace(next.find("flows: 256"), 10, "flows: 512");
    write("case", "next.yaml", next);
    const auto done = run_suite();
    EXPECT_EQ(done.status, 2);
    EXPECT_THAT(done.out, HasSubstr("steps.yaml:1: " + suite() +
                                    "/case/next.yaml: limits cannot change in a reload\n"));
}

TEST_F(Suite, BadFoldersAreRefusedWithOneLine) {
    const auto expect = [&](const std::string &folder, const std::string &line) {
        const auto done = replay({"--suite", folder});
        EXPECT_EQ(done.status, 2);
        EXPECT_EQ(done.out, "");
        EXPECT_EQ(done.err, folder + ": " + line + "\n");
    };
    expect(path("nothing"), "is no folder");
    expect(folder_.write("file", ""), "is no folder");
    folder("empty");
    expect(suite(), "has no case: no folder with a weir.yaml");
}

TEST_F(Suite, GoesWithNoOptionsOfASingleCapture) {
    for (const char *option : {"-c", "-r", "-w", "--expect", "--json", "--ignore"}) {
        const auto done = replay({"--suite", suite(), option, "x"});
        EXPECT_EQ(done.status, 2) << option;
        EXPECT_THAT(done.err, HasSubstr("excludes")) << option;
    }
    for (const char *option : {"--junit=x", "--tap", "--jobs=2"})
        EXPECT_EQ(replay({"-c", "x", "-r", "y", option}).status, 2) << option;
}

}  // namespace
}  // namespace weir::test
