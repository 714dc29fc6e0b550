// Idle time and timeouts, counted in ticks that come round.
#include "lb/dataplane/flow_table.h"

#include <gtest/gtest.h>

#include <netinet/in.h>

namespace weir::test {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds kTick{std::int64_t{1} << WEIR_TICK_SHIFT};
constexpr std::chrono::nanoseconds kRound{std::int64_t{1} << (WEIR_TICK_SHIFT + 32)};

weir_flow refreshed_at(std::chrono::nanoseconds time, std::uint8_t state = WEIR_FLOW_ESTABLISHED) {
    weir_flow flow{};
    flow.refreshed = to_ticks(time);
    flow.state = state;
    return flow;
}

weir_settings settings() {
    weir_settings all{};
    all.tcp_established_s = 7200;
    all.tcp_transitory_s = 240;
    all.tcp_new_s = 10;
    all.udp_s = 60;
    return all;
}

TEST(FlowTable, IdleTimeIsRightToATickAcrossTheRound) {
    for (const auto then : {5s + 0ns, kRound - 3s, kRound - 1ns, kRound, 7 * kRound - kTick})
        for (const auto idle : {0s, 1s, 90s, 86400s, 31536000s}) {
            const auto told = idle_time(refreshed_at(then), then + idle);
            EXPECT_LE(told, idle + kTick);
            EXPECT_GT(told, idle - kTick);
        }
}

TEST(FlowTable, WhatAnotherCpuRefreshedALittleAheadIsNotIdle) {
    EXPECT_EQ(idle_time(refreshed_at(kRound + kTick), kRound - kTick), 0ns);
    EXPECT_FALSE(is_expired(settings(), IPPROTO_UDP, refreshed_at(kRound + kTick), kRound - kTick));
}

TEST(FlowTable, AnEntryExpiresAtItsTimeoutAndNotBefore) {
    struct Row {
        std::uint8_t protocol, state;
        std::chrono::seconds timeout;
    };
    for (const auto &row :
         {Row{IPPROTO_UDP, WEIR_FLOW_NEW, 60s}, Row{IPPROTO_UDP, WEIR_FLOW_ESTABLISHED, 60s},
          Row{IPPROTO_TCP, WEIR_FLOW_NEW, 10s}, Row{IPPROTO_TCP, WEIR_FLOW_REPLIED, 10s},
          Row{IPPROTO_TCP, WEIR_FLOW_ESTABLISHED, 7200s}, Row{IPPROTO_TCP, WEIR_FLOW_CLOSING, 240s},
          Row{IPPROTO_TCP, WEIR_FLOW_CLOSED, 240s}})
        for (const auto then : {5s + 0ns, kRound - 2s}) {
            const auto flow = refreshed_at(then, row.state);
            EXPECT_FALSE(is_expired(settings(), row.protocol, flow, then + row.timeout - 2 * kTick))
                << int{row.protocol} << " " << int{row.state};
            EXPECT_TRUE(is_expired(settings(), row.protocol, flow, then + row.timeout + 2 * kTick))
                << int{row.protocol} << " " << int{row.state};
        }
}

TEST(FlowTable, OfTwoEntriesTheShorterWayRoundTellsWhichIsLater) {
    const auto first = refreshed_at(kRound - kTick);
    const auto then = refreshed_at(kRound + 3 * kTick);
    EXPECT_EQ(ticks_between(first, then), 4);
    EXPECT_EQ(ticks_between(then, first), -4);
}

}  // namespace
}  // namespace weir::test
