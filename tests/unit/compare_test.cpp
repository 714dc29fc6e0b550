#include "lb/replay/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/captures.h"
#include "tests/support/temp.h"

namespace weir::test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ComparisonTest : public ::testing::Test {
  protected:
    // What is said when `got` comes out and `expected` was to.
    std::vector<std::string> compare(const std::vector<Frame> &got,
                                     const std::vector<Frame> &expected) {
        const auto file = (folder_.path() / "golden.pcap").string();
        write_capture(file, expected);
        Comparison comparison(*CaptureReader::open(file));
        for (const Frame &frame : got)
            EXPECT_TRUE(comparison.add(frame));
        EXPECT_TRUE(comparison.finish());
        differences_ = comparison.differences();
        std::vector<std::string> lines;
        for (auto line : comparison.report()) {
            if (const auto at = line.find(file); at != std::string::npos)
                line.replace(at, file.size(), "golden");
            lines.push_back(line);
        }
        return lines;
    }
    static Frame frame(int index, std::uint8_t content = 0) {
        Bytes bytes(20, content);
        bytes[0] = static_cast<std::uint8_t>(index);
        return frame_at(milliseconds(index), bytes);
    }

    TempDir folder_;
    std::uint64_t differences_ = 0;
};

TEST_F(ComparisonTest, SaysNothingWhereNothingDiffers) {
    EXPECT_THAT(compare({frame(1), frame(2)}, {frame(1), frame(2)}), IsEmpty());
    EXPECT_THAT(compare({}, {}), IsEmpty());
    EXPECT_EQ(differences_, 0U);
}

TEST_F(ComparisonTest, NumbersTheFrameThatDiffers) {
    EXPECT_THAT(compare({frame(1), frame(2, 7)}, {frame(1), frame(2, 8)}),
                ElementsAre("frame 2 at 1700000000.002000 differs from golden frame 2:",
                            HasSubstr("  eth.dst: 02:07:"), HasSubstr("  eth.src"),
                            "  eth.type: 0x0707, expected 0x0808",
                            "  payload at offset 14: 0x07, expected 0x08"));
    EXPECT_EQ(differences_, 1U);
}

TEST_F(ComparisonTest, NamesFramesThatAreMissingWhereverTheyAre) {
    EXPECT_THAT(compare({frame(2), frame(4)}, {frame(1), frame(2), frame(3), frame(4), frame(5)}),
                ElementsAre("golden frame 1 at 1700000000.001000, 20 bytes, did not come out",
                            "golden frame 3 at 1700000000.003000, 20 bytes, did not come out",
                            "golden frame 5 at 1700000000.005000, 20 bytes, did not come out"));
    EXPECT_EQ(differences_, 3U);
}

TEST_F(ComparisonTest, NamesFramesThatAreTooMany) {
    EXPECT_THAT(compare({frame(1), frame(2), frame(3)}, {frame(2)}),
                ElementsAre("frame 1 at 1700000000.001000, 20 bytes, is not in golden",
                            "frame 3 at 1700000000.003000, 20 bytes, is not in golden"));
    EXPECT_EQ(differences_, 2U);
}

TEST_F(ComparisonTest, TheSameFrameAtAnotherTimeDiffersInItsTime) {
    auto late = frame(1);
    late.time += milliseconds(1);
    EXPECT_THAT(compare({late}, {frame(1)}),
                ElementsAre(HasSubstr("frame 1 at"), HasSubstr("frame.time_epoch")));
}

TEST_F(ComparisonTest, DescribesTenFramesAndCountsTheRest) {
    std::vector<Frame> got;
    got.reserve(100);
    for (int i = 0; i < 100; i++)
        got.push_back(frame(i));
    const auto lines = compare(got, {});
    ASSERT_EQ(lines.size(), 11U);
    EXPECT_THAT(lines[9], HasSubstr("frame 10 at"));
    EXPECT_EQ(lines[10], "... and 90 more frames, not shown");
    EXPECT_EQ(differences_, 100U);
    got.resize(11);
    EXPECT_EQ(compare(got, {}).back(), "... and 1 more frame, not shown");
    got.resize(10);
    EXPECT_THAT(compare(got, {}).back(), HasSubstr("frame 10 at"));
}

}  // namespace
}  // namespace weir::test
