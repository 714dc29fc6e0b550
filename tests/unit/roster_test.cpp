// What a backend's state is, of all that says something about it.
#include "lb/model/roster.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;

const Roster::Time kStart{1h};
const Endpoint kA = *Endpoint::parse("198.51.100.11:80");
const Endpoint kB = *Endpoint::parse("198.51.100.12:80");
const Endpoint kC = *Endpoint::parse("198.51.100.13:80");

BackendKey key(const Endpoint &endpoint) {
    return {"web", endpoint};
}

// A service of three backends that are checked.
Config make_config(const std::function<void(ServiceConfig &)> &change = {}) {
    ServiceConfig service;
    service.name = "web";
    service.health_check.emplace();
    for (const Endpoint &endpoint : {kA, kB, kC}) {
        service.backends.emplace_back();
        service.backends.back().endpoint = endpoint;
    }
    if (change)
        change(service);
    Config config;
    config.services.push_back(service);
    return config;
}

Roster make_roster(const std::function<void(ServiceConfig &)> &change = {}) {
    Roster roster;
    roster.configure(make_config(change), kStart);
    return roster;
}

BackendCondition of(const Roster &roster, const Endpoint &endpoint, Roster::Time now = kStart) {
    const auto view = roster.find(key(endpoint), roster.conditions(now));
    EXPECT_TRUE(view);
    EXPECT_EQ(roster.conditions(now).at(key(endpoint)), view->condition);
    return view->condition;
}

TEST(Roster, BeforeTheFirstCheckABackendServes) {
    const Roster roster = make_roster();
    EXPECT_EQ(of(roster, kA), (BackendCondition{BackendState::active, 100, 100, OnDown::keep}));
    EXPECT_EQ(roster.find(key(kA), roster.conditions(kStart))->health, Health::unknown);
    EXPECT_EQ(roster.find(key(kA), roster.conditions(kStart))->configured, 100U);
    EXPECT_FALSE(roster.find({"web", *Endpoint::parse("192.0.2.1:1")}, roster.conditions(kStart)));
    EXPECT_FALSE(roster.next_change(kStart));
}

TEST(Roster, ADownBackendTakesNoFlowsAndItsOwnEndAsConfigured) {
    for (const OnDown on_down : {OnDown::keep, OnDown::reset, OnDown::reselect}) {
        Roster roster = make_roster([&](auto &service) { service.on_down = on_down; });
        roster.set_health(key(kB), false, "refused", kStart);
        EXPECT_EQ(of(roster, kB), (BackendCondition{BackendState::down, 0, 100, on_down}));
        EXPECT_EQ(roster.find(key(kB), roster.conditions(kStart))->reason, "refused");
        EXPECT_EQ(of(roster, kA).weight, 100U);
        roster.set_health(key(kB), true, "", kStart);
        EXPECT_EQ(of(roster, kB), (BackendCondition{BackendState::active, 100, 100, OnDown::keep}));
        EXPECT_EQ(roster.find(key(kB), roster.conditions(kStart))->reason, "");
    }
}

TEST(Roster, WithoutACheckNobodyIsDown) {
    Roster roster = make_roster([](auto &service) { service.health_check.reset(); });
    roster.set_health(key(kA), false, "late", kStart);
    EXPECT_EQ(of(roster, kA).state, BackendState::active);
    EXPECT_EQ(roster.find(key(kA), roster.conditions(kStart))->health, Health::unchecked);
}

TEST(Roster, WhatAnEarlierRunLeftDownIsDownUntilACheckSaysOtherwise) {
    Roster roster;
    roster.configure(make_config(), kStart, {key(kA)});
    EXPECT_EQ(of(roster, kA).state, BackendState::down);
    roster.set_health(key(kA), true, "", kStart);
    EXPECT_EQ(of(roster, kA).state, BackendState::active);
}

TEST(Roster, ADrainOfABackendThatWasAwayBeginsAnewAndEnds) {
    const auto timeout = [](auto &service) { service.drain_timeout = 60s; };
    Roster roster = make_roster(timeout);
    roster.set_override(key(kB), {Admin::drain, {}}, kStart);
    roster.configure(make_config([&](auto &service) {
                         timeout(service);
                         service.backends.erase(service.backends.begin() + 1);
                     }),
                     kStart + 1s);
    roster.configure(make_config(timeout), kStart + 10s);
    EXPECT_EQ(roster.next_change(kStart + 10s), kStart + 70s);
    EXPECT_EQ(of(roster, kB, kStart + 70s).flows, OnDown::reset);
}

TEST(Roster, AReloadKeepsWhatIsKnown) {
    Roster roster = make_roster();
    roster.set_health(key(kA), false, "refused", kStart);
    roster.set_override(key(kB), {Admin::drain, {}}, kStart);
    roster.configure(make_config([](auto &service) {
                         service.backends[0].weight = 7;
                         service.backends.pop_back();
                     }),
                     kStart + 1s);
    EXPECT_EQ(of(roster, kA).state, BackendState::down);
    EXPECT_EQ(of(roster, kA).share, 7U);
    EXPECT_EQ(of(roster, kB).state, BackendState::draining);
    EXPECT_FALSE(roster.find(key(kC), roster.conditions(kStart)));
}

TEST(Roster, ADrainEndsWithItsTimeoutAndThenItsFlowsDo) {
    Roster roster = make_roster([](auto &service) { service.drain_timeout = 60s; });
    roster.set_override(key(kA), {Admin::drain, {}}, kStart);
    EXPECT_EQ(of(roster, kA), (BackendCondition{BackendState::draining, 0, 100, OnDown::keep}));
    EXPECT_EQ(roster.next_change(kStart), kStart + 60s);
    EXPECT_EQ(of(roster, kA, kStart + 59s).flows, OnDown::keep);
    EXPECT_EQ(of(roster, kA, kStart + 60s).flows, OnDown::reset) << "also where on_down is keep";
    roster.set_override(key(kA), {}, kStart + 61s);
    EXPECT_EQ(of(roster, kA, kStart + 61s).state, BackendState::active);
    EXPECT_FALSE(roster.next_change(kStart + 61s));
}

TEST(Roster, ADrainWithoutTimeoutHasNoEnd) {
    Roster roster = make_roster();
    roster.set_override(key(kA), {Admin::drain, {}}, kStart);
    EXPECT_EQ(of(roster, kA, kStart + 1000h).flows, OnDown::keep);
    EXPECT_FALSE(roster.next_change(kStart));
}

TEST(Roster, MaintenanceIsStrongerThanHealthAndAWeightIsInPlaceOfTheConfigured) {
    Roster roster = make_roster([](auto &service) { service.on_down = OnDown::reset; });
    roster.set_override(key(kA), {Admin::maintenance, {}}, kStart);
    roster.set_health(key(kA), false, "refused", kStart);
    EXPECT_EQ(of(roster, kA), (BackendCondition{BackendState::maintenance, 0, 100, OnDown::reset}));
    roster.set_override(key(kB), {Admin::enabled, 7}, kStart);
    EXPECT_EQ(of(roster, kB), (BackendCondition{BackendState::active, 7, 7, OnDown::keep}));
    EXPECT_EQ(roster.overrides().size(), 2U);
    roster.set_overrides({}, kStart);
    EXPECT_TRUE(roster.overrides().empty());
    EXPECT_EQ(of(roster, kB).weight, 100U);
    EXPECT_EQ(of(roster, kA).state, BackendState::down);
}

TEST(Roster, SlowStartRampsUpInTenSteps) {
    Roster roster = make_roster([](auto &service) { service.slow_start = 100s; });
    EXPECT_EQ(of(roster, kA).weight, 100U) << "not at the start of all";
    roster.set_health(key(kA), false, "refused", kStart);
    roster.set_health(key(kA), true, "", kStart);
    EXPECT_EQ(of(roster, kA), (BackendCondition{BackendState::active, 10, 100, OnDown::keep}));
    std::uint32_t last = 0;
    auto now = kStart;
    int steps = 0;
    while (const auto next = roster.next_change(now)) {
        now = *next;
        EXPECT_GT(of(roster, kA, now).weight, last);
        last = of(roster, kA, now).weight;
        ++steps;
    }
    EXPECT_EQ(steps, 10);
    EXPECT_EQ(now, kStart + 100s);
    EXPECT_EQ(last, 100U);
}

TEST(Roster, ABackendThatAReloadAddsStartsSlowlyToo) {
    Roster roster;
    roster.configure(make_config([](auto &service) { service.backends.pop_back(); }), kStart);
    roster.configure(make_config([](auto &service) { service.slow_start = 10s; }), kStart);
    EXPECT_EQ(of(roster, kC).weight, 10U);
    EXPECT_EQ(of(roster, kA).weight, 100U);
}

TEST(Roster, AFallbackServesOnlyWhenNobodyElseCan) {
    Roster roster = make_roster([](auto &service) { service.backends[2].fallback = true; });
    EXPECT_EQ(of(roster, kC), (BackendCondition{BackendState::active, 0, 0, OnDown::keep}));
    EXPECT_TRUE(roster.find(key(kC), roster.conditions(kStart))->standby);
    roster.set_health(key(kA), false, "x", kStart);
    EXPECT_EQ(of(roster, kC).weight, 0U);
    roster.set_override(key(kB), {Admin::drain, {}}, kStart);
    EXPECT_EQ(of(roster, kC).weight, 100U);
    EXPECT_FALSE(roster.find(key(kC), roster.conditions(kStart))->standby);
    EXPECT_EQ(of(roster, kA).share, 0U) << "the ring is the fallback's";
    roster.set_health(key(kC), false, "x", kStart);
    EXPECT_EQ(of(roster, kC).state, BackendState::down);
    roster.set_health(key(kA), true, "", kStart);
    EXPECT_EQ(of(roster, kA).weight, 100U);
}

TEST(Roster, AFailingCheckerDoesNotEmptyAServiceWithMinActive) {
    Roster roster = make_roster([](auto &service) { service.min_active = 2; });
    roster.set_health(key(kB), false, "x", kStart);
    EXPECT_EQ(of(roster, kB).state, BackendState::down);
    roster.set_health(key(kA), false, "x", kStart + 1s);
    EXPECT_EQ(of(roster, kA), (BackendCondition{BackendState::active, 100, 100, OnDown::keep}));
    EXPECT_TRUE(roster.find(key(kA), roster.conditions(kStart))->kept) << "the last that went down";
    EXPECT_EQ(of(roster, kB).state, BackendState::down);
    roster.set_health(key(kC), false, "x", kStart + 2s);
    EXPECT_EQ(of(roster, kC).state, BackendState::active);
    EXPECT_EQ(of(roster, kA).state, BackendState::active);
    EXPECT_EQ(of(roster, kB).state, BackendState::down);
    roster.set_override(key(kC), {Admin::maintenance, {}}, kStart);
    EXPECT_EQ(of(roster, kC).state, BackendState::maintenance) << "an operator may";
    EXPECT_EQ(of(roster, kB).state, BackendState::active);
}

}  // namespace
}  // namespace weir
