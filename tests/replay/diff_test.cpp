// weir replay --diff: what another configuration would change for a capture.
#include <gmock/gmock.h>

#include "tests/replay/command.h"
#include "tests/support/captures.h"

namespace weir::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Diff : public ReplayTest {
  protected:
    // Twenty SYNs of as many clients, and a frame that is none of Weir's business.
    void SetUp() override {
        ReplayTest::SetUp();
        if (IsSkipped())
            return;
        std::vector<Frame> frames;
        Segment segment;
        segment.destination = *Endpoint::parse("192.0.2.10:80");
        segment.source = *Endpoint::parse("203.0.113.2:40000");
        for (int i = 0; i < 20; i++, segment.source.port++)
            frames.push_back(frame_at(milliseconds(i), build(segment)));
        segment.destination.port = 81;
        frames.push_back(frame_at(milliseconds(20), build(segment)));
        write_capture(path("in.pcap"), frames);
    }
    std::string config(const std::string &name, const std::string &backends) const {
        return folder_.write(name,
                             "services:\n  - {name: web, vip: 192.0.2.10, port: 80, protocol: "
                             "tcp, backends: [" +
                                 backends + "]}\nlimits: {flows: 256, new_flows: 256}\n");
    }
    ProcessResult diff(const std::string &before, const std::string &after) const {
        return replay({"--diff", config("old.yaml", before), config("new.yaml", after), "-r",
                       path("in.pcap")});
    }

    static constexpr auto kOne = "{address: 198.51.100.6, port: 8080}";
    static constexpr auto kOther = "{address: 198.51.100.10, port: 8080}";
    static constexpr auto kNone = "{address: 198.51.100.6, port: 8080, weight: 0}";
};

TEST_F(Diff, OfTheSameIsNothing) {
    const auto done = diff(kOne, kOne);
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out,
              "0 of 20 flows move, 0 more are served, 0 fewer; frames that are dropped "
              "from now on: 0; no longer: 0\n");
}

TEST_F(Diff, TellsFlowsThatMove) {
    const auto done = diff(kOne, kOther);
    EXPECT_EQ(done.status, 1) << done.err;
    EXPECT_THAT(done.out,
                StartsWith("frame 1 at 1700000000.000000, 203.0.113.2:40000 -> 192.0.2.10:80: "
                           "198.51.100.6:8080, then 198.51.100.10:8080\n"));
    EXPECT_THAT(done.out, HasSubstr("\n... and 10 more\n20 of 20 flows move, "));
}

TEST_F(Diff, TellsWhatIsRefused) {
    const auto lost = diff(kOne, kNone);
    EXPECT_EQ(lost.status, 1) << lost.err;
    EXPECT_THAT(lost.out, HasSubstr("198.51.100.6:8080, then answered (no_backend)\n"));
    EXPECT_THAT(lost.out, HasSubstr("0 of 20 flows move, 0 more are served, 20 fewer; "));
    const auto gained = diff(kNone, kOne);
    EXPECT_THAT(gained.out, HasSubstr("0 of 20 flows move, 20 more are served, 0 fewer; "));
}

TEST_F(Diff, BadInputIsOneLine) {
    for (const auto &arguments :
         {std::vector<std::string>{"--diff", config("one.yaml", kOne), config("two.yaml", kOne)},
          {"--diff", path("missing.yaml"), config("two.yaml", kOne), "-r", path("in.pcap")},
          {"--diff", config("one.yaml", kOne), config("two.yaml", kOne), "-r", path("missing")}}) {
        const auto done = replay(arguments);
        EXPECT_EQ(done.status, 2);
        EXPECT_EQ(lines_in(done.err), 1U) << done.err;
        EXPECT_EQ(done.out, "");
    }
}

}  // namespace
}  // namespace weir::test
