// What the journal is told, byte by byte.
#include "lb/daemon/journal.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::string_literals;

TEST(Journal, AFieldIsALine) {
    EXPECT_EQ(to_journal_entry({{"MESSAGE", "up"}, {"PRIORITY", "6"}}), "MESSAGE=up\nPRIORITY=6\n");
}

TEST(Journal, AValueWithALineBreakHasItsLengthInFront) {
    EXPECT_EQ(to_journal_entry({{"MESSAGE", "a\nPRIORITY=0"}}),
              "MESSAGE\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n"s)
        << "or a message could make fields of its own";
}

TEST(Journal, LevelsAreThoseOfSyslog) {
    EXPECT_EQ(to_priority(spdlog::level::err), 3);
    EXPECT_EQ(to_priority(spdlog::level::warn), 4);
    EXPECT_EQ(to_priority(spdlog::level::info), 6);
    EXPECT_EQ(to_priority(spdlog::level::debug), 7);
}

}  // namespace
}  // namespace weir
