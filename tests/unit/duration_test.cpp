#include "lb/config/duration.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using std::chrono::seconds;

TEST(Duration, ReadsUnitsLargestFirst) {
    EXPECT_EQ(parse_duration("30s"), seconds(30));
    EXPECT_EQ(parse_duration("5m"), seconds(300));
    EXPECT_EQ(parse_duration("2h4m"), seconds(7440));
    EXPECT_EQ(parse_duration("1d2h3m4s"), seconds(93784));
    EXPECT_EQ(parse_duration("1d4s"), seconds(86404));
    EXPECT_EQ(parse_duration("90m"), seconds(5400));
    EXPECT_EQ(parse_duration("365d"), kLongestDuration);
}

TEST(Duration, SaysWhatIsWrong) {
    const auto error = [](std::string_view text) {
        const auto result = parse_duration(text);
        return result ? "accepted" : result.error();
    };
    for (const char *text : {"", "s", "m5", "5x", "1.5h", "-1s", "4m2h", "1h1h", "1h30", "5 m",
                             " 5m", "5m ", "5M", "1hs"})
        EXPECT_EQ(error(text), "must be a duration such as 30s, 5m or 2h4m") << text;
    EXPECT_EQ(error("30"), "must have a unit, such as 30s, 5m or 2h4m");
    EXPECT_EQ(error("500ms"), "must be in whole seconds, such as 1s or 2h4m");
    for (const char *text : {"0s", "0h0m", "366d", "365d1s", "99999999999999999999d",
                             "18446744073709551615s", "9223372036854775807s", "31536000d"})
        EXPECT_EQ(error(text), "must be from 1s to 365d") << text;
}

TEST(Duration, PrintsWhatItReadsBack) {
    EXPECT_EQ(print_duration(seconds(7440)), "2h4m");
    EXPECT_EQ(print_duration(seconds(30)), "30s");
    for (std::int64_t count = 1; count <= kLongestDuration.count(); count += 1 + count / 7)
        EXPECT_EQ(parse_duration(print_duration(seconds(count))), seconds(count));
}

}  // namespace
}  // namespace weir
