#include "lb/health/verdict.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

using std::chrono::microseconds;
using std::chrono::system_clock;

// One character a check: '+' passed, '-' failed, '?' not made. Gives one character a check as well:
// 'U' turned up, 'D' turned down, '.' nothing.
std::string turns(Verdict &verdict, const std::string &results) {
    std::string said;
    for (const char result : results) {
        const Outcome outcome = result == '+'   ? Outcome::passed()
                                : result == '-' ? Outcome::failed("why")
                                                : Outcome::not_made("full");
        const bool turned = verdict.count(outcome, microseconds(7), system_clock::time_point());
        said += !turned ? '.' : *verdict.status().up ? 'U' : 'D';
    }
    return said;
}

std::string turns(std::uint32_t rise, std::uint32_t fall, const std::string &results) {
    Verdict verdict(rise, fall);
    return turns(verdict, results);
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
    Verdict verdict(2, 2);
    turns(verdict, "?");
    EXPECT_FALSE(verdict.status().up);
    EXPECT_EQ(verdict.status().trouble, "full");
    turns(verdict, "+");
    EXPECT_EQ(verdict.status().trouble, "");
}

TEST(HealthVerdict, ShowsTheLastCheckAndTheCounts) {
    Verdict verdict(2, 3);
    turns(verdict, "+--");
    EXPECT_EQ(verdict.status().up, true);
    EXPECT_EQ(verdict.status().last_passed, false);
    EXPECT_EQ(verdict.status().reason, "why");
    EXPECT_EQ(verdict.status().failures, 2U);
    EXPECT_EQ(verdict.status().successes, 0U);
    EXPECT_EQ(verdict.status().duration, microseconds(7));
    turns(verdict, "+");
    EXPECT_EQ(verdict.status().reason, "");
    EXPECT_EQ(verdict.status().failures, 0U);
    EXPECT_EQ(verdict.status().successes, 1U);
}

TEST(HealthVerdict, AChangeKeepsTheStateAndCountsAnew) {
    Verdict verdict(2, 3);
    turns(verdict, "+--");
    verdict.change(1, 2);
    EXPECT_EQ(verdict.status().up, true);
    EXPECT_EQ(turns(verdict, "--"), ".D");
    EXPECT_EQ(turns(verdict, "+"), "U");
}

}  // namespace
}  // namespace weir
