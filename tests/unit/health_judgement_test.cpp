#include "lb/health/judgement.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

using std::chrono::microseconds;
using std::chrono::system_clock;

// One character a check: '+' passed, '-' failed, '?' not made. Gives one character a check as well:
// 'U' turned up, 'D' turned down, '.' nothing.
std::string turns(Judgement &judgement, const std::string &results) {
    std::string said;
    for (const char result : results) {
        const CheckOutcome outcome = result == '+'   ? CheckOutcome::passed()
                                     : result == '-' ? CheckOutcome::failed("why")
                                                     : CheckOutcome::not_made("full");
        const bool turned = judgement.count(outcome, microseconds(7), system_clock::time_point());
        said += !turned ? '.' : *judgement.status().up ? 'U' : 'D';
    }
    return said;
}

std::string turns(std::uint32_t rise, std::uint32_t fall, const std::string &results) {
    Judgement judgement(rise, fall);
    return turns(judgement, results);
}

TEST(HealthVerdict, TheFirstResultDecidesAtOnce) {
    EXPECT_EQ(turns(3, 3, "+"), "U");
    EXPECT_EQ(turns(3, 3, "-"), "D");
}

TEST(HealthVerdict, AfterwardsItTakesRiseOrFallInARow) {
    EXPECT_EQ(turns(2, 3, "+---++"), "U..D.U");
    EXPECT_EQ(turns(2, 3, "+--+--+---"), "U........D");
    EXPECT_EQ(turns(2, 3, "-+-+-++"), "D.....U");
    EXPECT_EQ(turns(1, 1, "+-+-"), "UDUD");
    EXPECT_EQ(turns(100, 100, "-" + std::string(100, '+')), "D" + std::string(99, '.') + "U");
}

TEST(HealthVerdict, WhatWasNotMadeCountsForNothing) {
    EXPECT_EQ(turns(2, 2, "?+-?-+?+"), ".U..D..U");
    Judgement judgement(2, 2);
    turns(judgement, "?");
    EXPECT_FALSE(judgement.status().up);
    EXPECT_EQ(judgement.status().trouble, "full");
    turns(judgement, "+");
    EXPECT_EQ(judgement.status().trouble, "");
}

TEST(HealthVerdict, ShowsTheLastCheckAndTheCounts) {
    Judgement judgement(2, 3);
    turns(judgement, "+--");
    EXPECT_EQ(judgement.status().up, true);
    EXPECT_EQ(judgement.status().last_passed, false);
    EXPECT_EQ(judgement.status().reason, "why");
    EXPECT_EQ(judgement.status().failures, 2U);
    EXPECT_EQ(judgement.status().successes, 0U);
    EXPECT_EQ(judgement.status().duration, microseconds(7));
    turns(judgement, "+");
    EXPECT_EQ(judgement.status().reason, "");
    EXPECT_EQ(judgement.status().failures, 0U);
    EXPECT_EQ(judgement.status().successes, 1U);
}

TEST(HealthVerdict, AChangeKeepsTheStateAndCountsAnew) {
    Judgement judgement(2, 3);
    turns(judgement, "+--");
    judgement.change(1, 2);
    EXPECT_EQ(judgement.status().up, true);
    EXPECT_EQ(turns(judgement, "--"), ".D");
    EXPECT_EQ(turns(judgement, "+"), "U");
}

}  // namespace
}  // namespace weir
