#include "lb/model/plan.h"

#include <fmt/format.h>
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

ServiceConfig with_ranges(std::initializer_list<const char *> ranges) {
    auto service = kDns();
    for (const std::string_view text : ranges) {
        const bool deny = text.front() == '!';
        service.source_ranges.push_back({*Prefix::parse(text.substr(deny ? 1 : 0)), !deny});
    }
    return service;
}

// "203.0.113.0/120 allow" and so on, in the order of the writes.
std::vector<std::string> texts(const std::vector<RangeWrite> &writes) {
    std::vector<std::string> result;
    result.reserve(writes.size());
    for (const RangeWrite &write : writes)
        result.push_back(fmt::format("{}/{}{}", write.key.address.to_string(), write.key.bits,
                                     write.allow ? " allow" : " deny"));
    return result;
}

TEST(Plan, ARestrictedServiceHasARangeForEveryoneElse) {
    const auto allowing = make_plan({}, make_config({with_ranges({"203.0.113.0/24"})}));
    EXPECT_THAT(texts(allowing->set_ranges), ElementsAre("203.0.113.0/120 allow", "::/0 deny"));
    const auto denying = make_plan({}, make_config({with_ranges({"!203.0.113.0/24"})}));
    EXPECT_THAT(texts(denying->set_ranges), ElementsAre("203.0.113.0/120 deny", "::/0 allow"));
    EXPECT_TRUE(denying->set_services.at(0).policy.restricted);
}

TEST(Plan, APrefixOfAllIPv6IsTheOneForEveryoneElse) {
    auto service = with_ranges({"::/0", "!2001:db8::/32"});
    service.vip = *Endpoint::parse("[2001:db8::53]:53");
    const auto plan = make_plan({}, make_config({service}));
    EXPECT_THAT(texts(plan->set_ranges), ElementsAre("2001:db8::/32 deny", "::/0 allow"));
}

TEST(Plan, ChangedRangesAreWrittenBeforeTheOldOnesGo) {
    const auto first = make_plan(
        {}, make_config({with_ranges({"203.0.113.0/24", "!203.0.113.64/26", "198.51.100.0/24"})}));
    const auto plan = make_plan(first->result, make_config({with_ranges({"!203.0.113.0/24"})}));
    EXPECT_THAT(texts(plan->set_ranges), ElementsAre("203.0.113.0/120 deny", "::/0 allow"));
    EXPECT_THAT(texts(plan->remove_ranges),
                ElementsAre("198.51.100.0/120 allow", "203.0.113.64/122 deny"));
    EXPECT_THAT(plan->set_services, IsEmpty()) << "it was restricted before";
}

TEST(Plan, AServiceThatLosesItsRangesIsToldSo) {
    const auto first = make_plan({}, make_config({with_ranges({"203.0.113.0/24"})}));
    const auto plan = make_plan(first->result, make_config({kDns()}));
    ASSERT_THAT(plan->set_services, SizeIs(1));
    EXPECT_FALSE(plan->set_services[0].policy.restricted);
    EXPECT_THAT(plan->remove_ranges, SizeIs(2));
}

TEST(Plan, AChangedPolicyRewritesTheServiceAndNothingElse) {
    const auto first = make_plan({}, make_config({kWeb(), kDns()}));
    const auto written = [&](const auto &change) {
        auto web = kWeb();
        change(web);
        const auto plan = make_plan(first->result, make_config({web, kDns()}));
        EXPECT_THAT(plan->set_rings, IsEmpty());
        EXPECT_THAT(plan->set_backends, IsEmpty());
        EXPECT_THAT(plan->fresh_services, IsEmpty());
        EXPECT_THAT(plan->set_services, SizeIs(1));
        return plan->set_services.at(0).policy;
    };
    EXPECT_EQ(written([](auto &web) { web.mode = Mode::fullnat; }).mode, Mode::fullnat);
    EXPECT_EQ(written([](auto &web) { web.session_affinity = std::chrono::minutes(1); }).affinity_s,
              60U);
    const ServiceLimits limits{1, 2, 3};
    EXPECT_EQ(written([&](auto &web) { web.limits = limits; }).limits, limits);
}

TEST(Plan, AnAddressStaysForAsLongAsOneServiceHasIt) {
    auto tcp = kDns();
    auto udp = kDns();
    udp.protocol = Protocol::udp;
    const auto both = make_plan({}, make_config({tcp, udp}));
    ASSERT_THAT(both->set_vips, SizeIs(1));
    EXPECT_EQ(both->set_vips[0].count, 2U);
    EXPECT_EQ(both->set_backend_addresses.at(0).count, 2U);
    const auto one = make_plan(both->result, make_config({udp}));
    ASSERT_THAT(one->set_vips, SizeIs(1));
    EXPECT_EQ(one->set_vips[0].count, 1U);
    EXPECT_THAT(one->remove_vips, IsEmpty());
    const auto none = make_plan(one->result, make_config({}));
    EXPECT_THAT(none->set_vips, IsEmpty());
    EXPECT_THAT(none->remove_vips, ElementsAre(tcp.vip.address));
    EXPECT_THAT(none->remove_backend_addresses, ElementsAre(tcp.backends[0].endpoint.address));
}

TEST(Plan, RemovesRangesOfNoServiceBeforeTheirIdIsGivenAway) {
    TableState state;
    const RangeKey key{120, *Address::parse("203.0.113.0")};
    state.orphan_ranges = {{0, key}};
    auto config = make_config({with_ranges({"203.0.113.0/24"})});
    config.limits.services = 1;
    const auto plan = make_plan(state, config);
    ASSERT_TRUE(plan);
    EXPECT_THAT(plan->remove_orphan_ranges, SizeIs(1));
    EXPECT_THAT(plan->set_ranges, SizeIs(2));
    EXPECT_EQ(plan->set_services.at(0).id, 0U);
}

}  // namespace
}  // namespace weir
