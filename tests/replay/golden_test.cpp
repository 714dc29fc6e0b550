// Every case of pcaps/ of one capture: its golden one, and the invariants on what comes out.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "lb/replay/engine.h"
#include "tests/replay/catalogue.h"
#include "tests/replay/command.h"
#include "tests/support/captures.h"
#include "tests/support/layout.h"

namespace weir::test {
namespace {

// The type of an ICMP or ICMPv6 message.
std::optional<std::uint8_t> icmp_type(const Frame &frame) {
    if (!is_judged(frame))
        return std::nullopt;
    const Layout at = layout_of(frame.bytes);
    return at.protocol != 1 && at.protocol != 58 ? std::nullopt : std::optional(frame.bytes[at.l4]);
}
bool is_icmp_error(const Frame &frame) {
    const auto type = icmp_type(frame);
    return type && (layout_of(frame.bytes).v6 ? *type < 128 : *type == 3 || *type == 11);
}
// An echo request to a VIP, and its reply.
bool is_ping(const Frame &in, const Frame &out) {
    const bool v6 = icmp_type(in) && layout_of(in.bytes).v6;
    return icmp_type(in) == (v6 ? 128 : 8) && icmp_type(out) == (v6 ? 129 : 0);
}
// A TCP segment or UDP datagram in one piece.
bool is_whole_segment(const Frame &frame) {
    return read(frame.bytes) && !layout_of(frame.bytes).is_fragment;
}

class Golden : public ReplayTest, public ::testing::WithParamInterface<std::string> {
  protected:
    static std::string file(const std::string &name) {
        return (folder_of(GetParam()) / name).string();
    }
    ProcessResult replay_case(const std::string &out, const std::string &report) {
        return replay({"-c", file("weir.yaml"), "-r", file("in.pcap"), "--expect",
                       file("expected.pcap"), "-w", path(out), "--json", path(report)});
    }
    // One outcome per frame of in.pcap.
    static std::vector<weir::Outcome> run_frames(const Config &config,
                                                 const std::vector<Frame> &frames) {
        auto engine = Engine::create(config);
        if (!engine)
            throw std::runtime_error(engine.error().message);
        std::vector<weir::Outcome> outcomes;
        for (const Frame &frame : frames) {
            auto outcome = engine->run(frame);
            if (!outcome)
                throw std::runtime_error(outcome.error().message);
            outcomes.push_back(std::move(*outcome));
        }
        return outcomes;
    }
    static Config config() { return load_config(file("weir.yaml")).value(); }
    static std::vector<Frame> input() { return read_capture(file("in.pcap")); }
};

TEST_P(Golden, Reproduces) {
    const auto done = replay_case("out.pcap", "report.jsonl");
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(lines_in(done.err), 1U) << done.err;
    EXPECT_EQ(read_file(path("out.pcap")), read_file(file("expected.pcap")));
}

TEST_P(Golden, GivesTheSameBytesEveryTime) {
    ASSERT_EQ(replay_case("one.pcap", "one.jsonl").status, 0);
    ASSERT_EQ(replay_case("two.pcap", "two.jsonl").status, 0);
    EXPECT_EQ(read_file(path("one.pcap")), read_file(path("two.pcap")));
    EXPECT_EQ(read_file(path("one.jsonl")), read_file(path("two.jsonl")));
}

TEST_P(Golden, ReportsEveryFrame) {
    ASSERT_EQ(replay_case("out.pcap", "report.jsonl").status, 0);
    const auto in = input();
    const auto out = read_capture(path("out.pcap"));
    const auto report = read_report(path("report.jsonl"));
    ASSERT_EQ(report.size(), in.size());
    std::size_t written = 0;
    for (std::size_t i = 0; i < in.size(); i++) {
        const Json &line = report[i];
        EXPECT_EQ(line["index"], i + 1);
        EXPECT_EQ(line["in"], in[i].wire_length);
        // I6: a frame either leaves or has a reason, and with one an ICMP error may take its place
        if (line["verdict"] == "drop") {
            EXPECT_FALSE(line["reason"].is_null()) << line;
            EXPECT_EQ(line["out"], 0);
            continue;
        }
        ASSERT_LT(written, out.size());
        EXPECT_EQ(!line["reason"].is_null(), is_icmp_error(out[written]) && !is_icmp_error(in[i]))
            << line;
        EXPECT_EQ(line["out"], out[written].wire_length);
        EXPECT_EQ(in[i].time, out[written].time);
        written++;
    }
    EXPECT_EQ(written, out.size());
}

TEST_P(Golden, I1_FramesOfNoServiceAndNoFlowLeaveIdentical) {
    const auto in = input();
    const auto outcomes = run_frames(config(), in);
    for (std::size_t i = 0; i < in.size(); i++) {
        if (outcomes[i].service || outcomes[i].flow != FlowTrace::none)
            continue;
        if (is_ping(in[i], outcomes[i].frame))
            continue;
        EXPECT_EQ(outcomes[i].verdict, weir::Verdict::pass) << "frame " << i + 1;
        EXPECT_EQ(outcomes[i].frame.bytes, in[i].bytes) << "frame " << i + 1;
    }
}

TEST_P(Golden, I2_EmittedFramesHaveCorrectChecksums) {
    const auto in = input();
    const auto outcomes = run_frames(config(), in);
    std::size_t judged = 0;
    std::size_t dropped = 0;
    for (std::size_t i = 0; i < in.size(); i++) {
        if (!is_judged(in[i]))
            continue;
        if (outcomes[i].verdict == weir::Verdict::drop) {
            dropped++;
            continue;
        }
        ASSERT_EQ(checksum_fault(in[i].bytes), "") << "the capture itself, frame " << i + 1;
        EXPECT_EQ(checksum_fault(outcomes[i].frame.bytes), "") << "frame " << i + 1;
        judged++;
    }
    EXPECT_GT(judged + dropped, 0U);
}

// An answer to what came out, as its receiver would send it: the same bytes, with the two ends
// exchanged and hops enough to live.
Segment answer_to(Segment segment) {
    std::swap(segment.source_mac, segment.destination_mac);
    std::swap(segment.source, segment.destination);
    segment.ttl = 64;
    return segment;
}

TEST_P(Golden, I3_AnAnswerComesBackToWhereTheFrameCameFrom) {
    auto engine = Engine::create(config());
    ASSERT_TRUE(engine) << engine.error().message;
    for (const Frame &frame : input()) {
        const auto forward = engine->run(frame);
        ASSERT_TRUE(forward) << forward.error().message;
        if (forward->flow == FlowTrace::none || forward->flow == FlowTrace::reply)
            continue;
        // what is no segment has no answer that could be built: ICMP errors, fragments
        if (!is_whole_segment(frame))
            continue;
        const auto sent = read(forward->frame.bytes);
        ASSERT_TRUE(sent);
        Frame answer = frame;
        answer.bytes = build(answer_to(*sent));
        answer.wire_length = static_cast<std::uint32_t>(answer.bytes.size());
        const auto reply = engine->run(answer);
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_EQ(reply->flow, FlowTrace::reply);
        auto back = answer_to(read(reply->frame.bytes).value());
        const auto original = read(frame.bytes).value();
        back.source_mac = original.source_mac;
        back.destination_mac = original.destination_mac;
        back.ttl = original.ttl;
        EXPECT_EQ(back, original);
    }
}

TEST_P(Golden, LeavesTheSameByXdpAndByTc) {
    auto other = config();
    ASSERT_FALSE(other.interfaces.empty());
    for (InterfaceConfig &interface : other.interfaces)
        interface.hook = interface.hook == Hook::tc ? Hook::xdp : Hook::tc;
    ASSERT_NE(ingress_hook(other), ingress_hook(config()));
    const auto one = run_frames(config(), input());
    const auto two = run_frames(other, input());
    for (std::size_t i = 0; i < one.size(); i++) {
        EXPECT_EQ(one[i].frame.bytes, two[i].frame.bytes) << "frame " << i + 1;
        EXPECT_EQ(one[i].reason, two[i].reason) << "frame " << i + 1;
        EXPECT_EQ(one[i].service, two[i].service) << "frame " << i + 1;
        EXPECT_EQ(one[i].backend, two[i].backend) << "frame " << i + 1;
        EXPECT_EQ(one[i].flow, two[i].flow) << "frame " << i + 1;
    }
}

INSTANTIATE_TEST_SUITE_P(Pcaps, Golden, ::testing::ValuesIn(cases(Kind::plain)), test_name);

// What the cases are there for, all together.
class GoldenCases : public ReplayTest {};

TEST_F(GoldenCases, CoverEveryHookVerdictAndKindOfFlow) {
    std::set<std::string> seen;
    for (const std::string &name : cases(Kind::plain)) {
        const auto folder = folder_of(name).string();
        ASSERT_EQ(replay({"-c", folder + "/weir.yaml", "-r", folder + "/in.pcap", "--json",
                          path("report.jsonl")})
                      .status,
                  0);
        for (const Json &line : read_report(path("report.jsonl")))
            for (const char *key : {"hook", "verdict", "flow"})
                seen.insert(line[key]);
    }
    EXPECT_THAT(seen, ::testing::UnorderedElementsAre("xdp_ingress", "tc_ingress", "tc_egress",
                                                      "pass", "tx", "redirect", "drop", "none",
                                                      "new", "established", "reply"));
}

}  // namespace
}  // namespace weir::test
