#include "lb/model/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

ServiceConfig make_service(const char *vip, std::initializer_list<const char *> backends) {
    ServiceConfig service;
    service.name = vip;
    service.vip = *Endpoint::parse(vip);
    for (const char *backend : backends)
        service.backends.push_back({*Endpoint::parse(backend), 100});
    return service;
}

Config make_config(std::vector<ServiceConfig> services) {
    Config config;
    config.services = std::move(services);
    return config;
}

const auto kWeb = [] {
    return make_service("192.0.2.10:80", {"198.51.100.1:80", "198.51.100.2:80"});
};
const auto kDns = [] { return make_service("192.0.2.53:53", {"198.51.100.3:53"}); };

TEST(Plan, BuildsEverythingFromNothing) {
    const auto plan = make_plan({}, make_config({kWeb(), kDns()}));
    ASSERT_TRUE(plan);
    EXPECT_THAT(plan->set_backends, SizeIs(3));
    EXPECT_THAT(plan->set_rings, SizeIs(2));
    EXPECT_THAT(plan->set_services, SizeIs(2));
    EXPECT_THAT(plan->fresh_services, ElementsAre(0, 1));
    EXPECT_THAT(plan->fresh_backends, ElementsAre(0, 1, 2));
    EXPECT_THAT(plan->remove_services, IsEmpty());
    EXPECT_EQ(plan->result.services[1].backends[0].id, 2U);
}

TEST(Plan, SameConfigurationIsNoWork) {
    const auto first = make_plan({}, make_config({kWeb(), kDns()}));
    EXPECT_TRUE(make_plan(first->result, make_config({kWeb(), kDns()}))->empty());
    // neither is another order of services, or of the backends in the tables
    TableState shuffled = first->result;
    std::swap(shuffled.services[0].backends[0], shuffled.services[0].backends[1]);
    EXPECT_TRUE(make_plan(shuffled, make_config({kDns(), kWeb()}))->empty());
}

TEST(Plan, RewritesEveryRingAfterACrash) {
    const auto first = make_plan({}, make_config({kWeb(), kDns()}));
    const auto plan = make_plan(first->result, make_config({kWeb(), kDns()}), RingScope::all);
    EXPECT_THAT(plan->set_rings, SizeIs(2));
    EXPECT_THAT(plan->set_backends, IsEmpty());
}

// I9: what did not change keeps its id, and its service's ring is the only one that is written.
TEST(Plan, I9TouchesOnlyWhatChanged) {
    const auto first = make_plan({}, make_config({kWeb(), kDns()}));
    auto web = kWeb();
    web.backends[1].endpoint = *Endpoint::parse("198.51.100.9:80");
    const auto plan = make_plan(first->result, make_config({web, kDns()}));
    ASSERT_THAT(plan->set_backends, SizeIs(1));
    EXPECT_EQ(plan->set_backends[0].backend.id, 3U) << "an id that was just given up rests";
    ASSERT_THAT(plan->set_rings, SizeIs(1));
    EXPECT_EQ(plan->set_rings[0].service, 0U);
    EXPECT_THAT(plan->set_services, IsEmpty());
    EXPECT_THAT(plan->remove_backends, ElementsAre(1));
    EXPECT_THAT(plan->fresh_backends, ElementsAre(3));
}

TEST(Plan, AWeightIsABackendAndARing) {
    const auto first = make_plan({}, make_config({kWeb()}));
    auto web = kWeb();
    web.backends[0].weight = 0;
    const auto plan = make_plan(first->result, make_config({web}));
    ASSERT_THAT(plan->set_backends, SizeIs(1));
    EXPECT_EQ(plan->set_backends[0].backend.weight, 0U);
    EXPECT_THAT(plan->set_rings, SizeIs(1));
    EXPECT_THAT(plan->fresh_backends, IsEmpty()) << "its counters go on";
}

TEST(Plan, RemovesAServiceWithAllItHad) {
    const auto first = make_plan({}, make_config({kWeb(), kDns()}));
    const auto plan = make_plan(first->result, make_config({kDns()}));
    ASSERT_THAT(plan->remove_services, SizeIs(1));
    EXPECT_EQ(plan->remove_services[0].vip.to_string(), "192.0.2.10:80");
    EXPECT_THAT(plan->remove_rings, ElementsAre(0));
    EXPECT_THAT(plan->remove_backends, ElementsAre(0, 1));
}

TEST(Plan, RemovesOrphansOfACrash) {
    TableState state;
    state.orphans = {7};
    const auto plan = make_plan(state, make_config({kDns()}));
    EXPECT_THAT(plan->remove_backends, ElementsAre(7));
    EXPECT_EQ(plan->result.services[0].backends[0].id, 8U);
}

TEST(Plan, SameVipWithAnotherProtocolIsAnotherService) {
    auto udp = kDns();
    auto tcp = kDns();
    udp.protocol = Protocol::udp;
    const auto first = make_plan({}, make_config({udp}));
    const auto plan = make_plan(first->result, make_config({udp, tcp}));
    ASSERT_THAT(plan->set_services, SizeIs(1));
    EXPECT_EQ(plan->set_services[0].protocol, Protocol::tcp);
    EXPECT_EQ(plan->set_services[0].id, 1U);
}

TEST(Plan, IdsWrapAroundWithinTheLimit) {
    Config config = make_config({make_service("192.0.2.10:80", {"198.51.100.1:80"})});
    config.limits.backends = 2;
    TableState state = make_plan({}, config)->result;
    for (int round = 0; round < 5; ++round) {
        config.services[0].backends[0].endpoint.port++;
        auto plan = make_plan(state, config);
        ASSERT_TRUE(plan) << plan.error().message;
        EXPECT_LT(plan->result.services[0].backends[0].id, 2U);
        EXPECT_NE(plan->result.services[0].backends[0].id, state.services[0].backends[0].id);
        state = plan->result;
    }
}

TEST(Plan, RefusesMoreThanTheTablesHold) {
    Config config = make_config({kWeb()});
    config.limits.backends = 1;
    const auto plan = make_plan({}, config);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().exit, Exit::usage);
    EXPECT_THAT(plan.error().message, testing::HasSubstr("limits.backends is 1"));
}

}  // namespace
}  // namespace weir
