#include "lb/cli/progress.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using std::chrono::seconds;

TEST(ProgressLine, TellsShareRateAndWhatIsLeft) {
    EXPECT_EQ(progress_line({1000, 250, 1000}, seconds(2)), " 25% 1000 frames, 500/s, 6 s left");
    EXPECT_EQ(progress_line({4000, 1000, 1000}, seconds(8)), "100% 4000 frames, 500/s, 0 s left");
}

TEST(ProgressLine, OfAPipeKnowsNoShare) {
    EXPECT_EQ(progress_line({1000, 0, 0}, seconds(2)), " 1000 frames, 500/s");
}

TEST(ProgressLine, OfAFileThatGrowsKnowsNoShare) {
    EXPECT_EQ(progress_line({1000, 2000, 1000}, seconds(2)), " 1000 frames, 500/s");
}

TEST(ProgressLine, AtTheVeryStartDividesByNothing) {
    EXPECT_EQ(progress_line({0, 0, 1000}, seconds(0)), " 0 frames, 0/s");
}

}  // namespace
}  // namespace weir
