// What is said about the backends of one service concerns that service alone.
#include "lb/model/rosters.h"

#include <gtest/gtest.h>

#include "lb/model/conditions.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

const Rosters::Time kFromTime{1h};
const Endpoint kFirst = *Endpoint::parse("198.51.100.11:80");
const Endpoint kSecond = *Endpoint::parse("198.51.100.12:80");

// Two services that are checked; the second drains and starts slowly.
Config two_services() {
    ServiceConfig service;
    service.name = "web";
    service.health_check.emplace();
    for (const Endpoint &endpoint : {kFirst, kSecond}) {
        service.backends.emplace_back();
        service.backends.back().endpoint = endpoint;
    }
    Config config;
    config.services.push_back(service);
    service.name = "mail";
    service.drain_timeout = 60s;
    service.slow_start = 100s;
    config.services.push_back(service);
    return config;
}

Rosters make_rosters(const Config &config = two_services()) {
    Rosters rosters;
    rosters.configure(config, {}, kFromTime);
    return rosters;
}

// The same in one roster, for all that both can say.
class Pair {
  public:
    void configure(const Config &config, const Affected &affected, Rosters::Time now,
                   const std::vector<BackendKey> &down = {}) {
        one.configure(config, now, down);
        many.configure(config, affected, now, down);
        expect_same(now);
    }
    void set_health(const BackendKey &key, bool up, Rosters::Time now) {
        one.set_health(key, up, "refused", now);
        many.set_health(key, up, "refused", now);
        expect_same(now);
    }
    void set_override(const BackendKey &key, const Override &change, Rosters::Time now) {
        one.set_override(key, change, now);
        many.set_override(key, change, now);
        expect_same(now);
    }
    void expect_same(Rosters::Time now) const {
        EXPECT_EQ(many.conditions(now), one.conditions(now));
        EXPECT_EQ(many.next_change(now), one.next_change(now));
        EXPECT_EQ(many.overrides(), one.overrides());
        for (const auto &[key, condition] : one.conditions(now))
            EXPECT_EQ(many.find(key, one.conditions(now))->health,
                      one.find(key, one.conditions(now))->health);
    }

    Roster one;
    Rosters many;
};

TEST(Rosters, SayTogetherWhatOneSays) {
    Pair pair;
    Config config = two_services();
    pair.set_override({"mail", kSecond}, {Admin::drain, {}}, kFromTime);
    pair.set_override({"later", kFirst}, {Admin::maintenance, 7}, kFromTime);
    pair.configure(config, {}, kFromTime, {{"web", kFirst}, {"gone", kSecond}});
    pair.set_health({"web", kFirst}, true, kFromTime + 1s);
    pair.set_health({"mail", kFirst}, false, kFromTime + 2s);
    pair.set_health({"mail", kFirst}, true, kFromTime + 3s);
    pair.set_override({"mail", kSecond}, {}, kFromTime + 4s);
    config.services[1].backends[1].weight = 3;
    pair.configure(config, {{1}}, kFromTime + 5s);
    config.services.push_back(config.services[0]);
    config.services.back().name = "later";
    config.services.erase(config.services.begin());
    pair.configure(config, {}, kFromTime + 6s);
    EXPECT_EQ(pair.many.conditions(kFromTime + 6s).at({"later", kFirst}).state,
              BackendState::maintenance);
    config.services.erase(config.services.begin());
    pair.configure(config, {}, kFromTime + 7s);
    for (const auto after : {8s, 60s, 110s})
        pair.expect_same(kFromTime + after);
}

TEST(Rosters, WhatIsSaidOfAServiceIsAPartOfWhatIsSaidOfAll) {
    Rosters rosters = make_rosters();
    rosters.set_health({"web", kFirst}, false, "refused", kFromTime);
    const Conditions all = rosters.conditions(kFromTime);
    Conditions both = rosters.conditions("web", kFromTime);
    EXPECT_EQ(both.size(), 2U);
    both.merge(rosters.conditions("mail", kFromTime));
    EXPECT_EQ(both, all);
    const auto [begin, end] = of_service(all, "mail");
    EXPECT_EQ(Conditions(begin, end), rosters.conditions("mail", kFromTime));
    EXPECT_TRUE(rosters.conditions("nobody", kFromTime).empty());
}

TEST(Rosters, OfTimeKnowThoseWhoseTimeHasCome) {
    Rosters rosters = make_rosters();
    EXPECT_TRUE(rosters.changed_by_time(kFromTime, kFromTime + 1000s).empty());
    for (const char *service : {"web", "mail"})
        rosters.set_override({service, kFirst}, {Admin::drain, {}}, kFromTime);
    EXPECT_TRUE(rosters.changed_by_time(kFromTime, kFromTime + 59s).empty());
    EXPECT_EQ(rosters.changed_by_time(kFromTime, kFromTime + 60s), std::set<std::string>{"mail"});
    EXPECT_TRUE(rosters.changed_by_time(kFromTime + 60s, kFromTime + 1000s).empty());
}

TEST(Rosters, APartIsChangedAloneAndTakenBack) {
    Config config = two_services();
    Rosters rosters = make_rosters(config);
    for (const char *service : {"web", "mail"})
        rosters.set_health({service, kFirst}, false, "refused", kFromTime);
    const Conditions before = rosters.conditions(kFromTime);
    config.services[0].backends[0].weight = 7;
    config.services[0].backends.pop_back();
    Rosters part = rosters.part({"web"});
    part.configure(config, {{0}}, kFromTime + 1s);
    EXPECT_EQ(part.conditions(kFromTime).size(), 1U);
    EXPECT_EQ(rosters.conditions(kFromTime), before) << "nothing has changed yet";
    rosters.take(part);
    const Conditions after = rosters.conditions(kFromTime);
    EXPECT_EQ(after.size(), 3U);
    EXPECT_EQ(after.at({"web", kFirst}).share, 7U);
    EXPECT_EQ(after.at({"web", kFirst}).state, BackendState::down);
    EXPECT_EQ(after.at({"mail", kFirst}), before.at({"mail", kFirst}));
}

TEST(Conditions, OfSomeServicesTakeThePlaceOfTheirOwn) {
    Rosters rosters = make_rosters();
    const Conditions before = rosters.conditions(kFromTime);
    Conditions all = before;
    rosters.set_health({"web", kSecond}, false, "refused", kFromTime);
    Conditions now = rosters.conditions("web", kFromTime);
    now.erase({"web", kFirst});
    Conditions replaced = replace_services(all, {"web"}, now);
    EXPECT_EQ(all.size(), 3U);
    EXPECT_EQ(all.at({"web", kSecond}).state, BackendState::down);
    EXPECT_EQ(replaced.size(), 2U);
    replace_services(all, {"web"}, std::move(replaced));
    EXPECT_EQ(all, before);
}

}  // namespace
}  // namespace weir
