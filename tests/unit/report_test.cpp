#include "lb/replay/report.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

Frame frame_of(std::size_t kept, std::uint32_t wire_length) {
    return {std::chrono::seconds(1700000000), wire_length, std::vector<std::uint8_t>(kept)};
}

Outcome forwarded() {
    return {PacketHook::xdp_ingress, Verdict::tx,       std::nullopt,     "web",
            "198.51.100.11:8443",    FlowTrace::opened, frame_of(74, 74), {}};
}

Outcome dropped() {
    return {PacketHook::tc_ingress, Verdict::drop,   "no_backend",    "web",
            std::nullopt,           FlowTrace::none, frame_of(0, 74), {}};
}

TEST(ReportLine, HasTheFieldsOfTheDesignInTheirOrder) {
    EXPECT_EQ(report_line(1, frame_of(74, 74), forwarded(), Resolution::microseconds),
              R"({"index": 1, "time": 1700000000.000000, "hook": "xdp_ingress", "verdict": "tx", )"
              R"("reason": null, "service": "web", "backend": "198.51.100.11:8443", )"
              R"("flow": "new", "in": 74, "out": 74})");
}

TEST(ReportLine, SaysWhyAFrameWasDropped) {
    EXPECT_EQ(report_line(7, frame_of(74, 74), dropped(), Resolution::nanoseconds),
              R"({"index": 7, "time": 1700000000.000000000, "hook": "tc_ingress", )"
              R"("verdict": "drop", "reason": "no_backend", "service": "web", "backend": null, )"
              R"("flow": "none", "in": 74, "out": 0})");
}

TEST(ReportLine, HasTheTimeWhereItIsAskedFor) {
    Outcome outcome = forwarded();
    outcome.spent = std::chrono::nanoseconds(123);
    EXPECT_NE(report_line(1, frame_of(74, 74), outcome, Resolution::microseconds, Timing::yes)
                  .find(R"("out": 74, "ns": 123})"),
              std::string::npos);
}

TEST(Summary, HoldsSharesAgainstWeights) {
    const auto config = parse_config(R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.11, port: 8443, weight: 30}, {address: 198.51.100.12, port: 80, weight: 10}]}
  - {name: idle, vip: 192.0.2.11, port: 80, protocol: tcp, backends: [{address: 198.51.100.11, port: 80}]}
)",
                                     "test.yaml");
    ASSERT_TRUE(config) << config.error().message;
    Summary summary;
    summary.add(frame_of(74, 74), forwarded());
    summary.add(frame_of(60, 74), dropped());
    EXPECT_EQ(
        summary.report_line(*config, Timing::no),
        R"({"summary":{"frames":2,"cut":1,"verdicts":{"pass":0,"tx":1,"redirect":0,"drop":1},)"
        R"("dropped":{"no_backend":1},"answered":{},"services":{"web":{"frames":2,"flows":1,)"
        R"("backends":{"198.51.100.11:8443":{"frames":1,"flows":1,"share":1.0,"weight_share":0.75},)"
        R"("198.51.100.12:80":{"frames":0,"flows":0,"share":0.0,"weight_share":0.25}}}}}})");
}

TEST(Summary, CountsVerdictsAndReasons) {
    Summary summary;
    summary.add(frame_of(74, 74), forwarded());
    summary.add(frame_of(74, 74), dropped());
    summary.add(frame_of(74, 74), dropped());
    summary.add(frame_of(60, 60), Outcome{});
    summary.set_duration(std::chrono::milliseconds(2));
    EXPECT_EQ(summary.to_string(),
              "4 frames in, 2 out: 1 pass, 1 tx, 0 redirect, 2 drop (no_backend 2); 2000 frames/s");
}

TEST(Summary, NamesDropsThatWereAnsweredApart) {
    Summary summary;
    Outcome answered = dropped();
    answered.verdict = Verdict::redirect;
    summary.add(frame_of(74, 74), answered);
    summary.set_duration(std::chrono::milliseconds(1));
    EXPECT_EQ(summary.to_string(),
              "1 frames in, 1 out: 0 pass, 0 tx, 1 redirect, 0 drop; answered with ICMP "
              "(no_backend 1); 1000 frames/s");
}

TEST(Summary, MentionsFramesThatWereCut) {
    Summary summary;
    summary.add(frame_of(60, 1514), Outcome{});
    EXPECT_NE(summary.to_string().find("\n1 frame was cut by the capture"), std::string::npos)
        << summary.to_string();
}

}  // namespace
}  // namespace weir
