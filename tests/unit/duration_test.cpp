#include "lb/config/duration.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using std::chrono::milliseconds;
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

TEST(ShortDuration, ReadsMillisecondsLast) {
    EXPECT_EQ(parse_short_duration("1ms"), milliseconds(1));
    EXPECT_EQ(parse_short_duration("200ms"), milliseconds(200));
    EXPECT_EQ(parse_short_duration("1s500ms"), milliseconds(1500));
    EXPECT_EQ(parse_short_duration("1m1ms"), milliseconds(60001));
    EXPECT_EQ(parse_short_duration("2m"), milliseconds(120000));
    EXPECT_EQ(parse_short_duration("365d"), milliseconds(kLongestDuration));
}

TEST(ShortDuration, SaysWhatIsWrong) {
    const auto error = [](std::string_view text) {
        const auto result = parse_short_duration(text);
        return result ? "accepted" : result.error();
    };
    for (const char *text :
         {"", "ms", "ms5", "5x", "1.5s", "-1ms", "500ms1s", "1ms1ms", "5 ms", "5MS", "1us", "1s5"})
        EXPECT_EQ(error(text), "must be a duration such as 200ms or 2s") << text;
    EXPECT_EQ(error("30"), "must have a unit, such as 200ms or 2s");
    for (const char *text : {"0ms", "0s0ms", "365d1ms", "366d", "99999999999999999999ms",
                             "18446744073709551615ms", "31536000001ms"})
        EXPECT_EQ(error(text), "must be from 1ms to 365d") << text;
}

TEST(ShortDuration, PrintsWhatItReadsBack) {
    EXPECT_EQ(print_duration(milliseconds(1500)), "1s500ms");
    EXPECT_EQ(print_duration(milliseconds(20)), "20ms");
    const milliseconds longest = kLongestDuration;
    for (std::int64_t count = 1; count <= longest.count(); count += 1 + count / 7)
        EXPECT_EQ(parse_short_duration(print_duration(milliseconds(count))), milliseconds(count));
}

}  // namespace
}  // namespace weir
