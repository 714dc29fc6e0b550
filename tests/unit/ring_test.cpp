// Which slots a backend has on its service's ring.
#include "lb/model/ring.h"

#include <gtest/gtest.h>

#include <map>

namespace weir {
namespace {

std::vector<BackendRow> make_backends(const std::vector<std::uint32_t> &weights) {
    std::vector<BackendRow> backends;
    for (std::uint32_t i = 0; i < weights.size(); ++i)
        backends.push_back({i + 1,
                            {Address::v4(198, 51, static_cast<std::uint8_t>(100 + i / 250),
                                         static_cast<std::uint8_t>(1 + i % 250)),
                             8080},
                            weights[i],
                            weights[i]});
    return backends;
}

std::map<std::uint32_t, std::size_t> count(const std::vector<std::uint32_t> &ring) {
    std::map<std::uint32_t, std::size_t> slots;
    for (const std::uint32_t id : ring)
        ++slots[id];
    return slots;
}

std::size_t moved(const std::vector<std::uint32_t> &a, const std::vector<std::uint32_t> &b) {
    std::size_t slots = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        slots += a[i] != b[i] ? 1U : 0U;
    return slots;
}

ServiceConfig service_of(Scheduler scheduler, std::size_t backends, std::uint32_t size = 0) {
    ServiceConfig service;
    service.scheduler = scheduler;
    service.ring_size = size;
    service.backends.resize(backends);
    return service;
}

TEST(Ring, WrrHasEveryBackendAsOftenAsItsWeightAndSpreadsIt) {
    const auto ring = build_ring(Scheduler::wrr, 0, make_backends({300, 100, 200}));
    EXPECT_EQ(ring.size(), 6U) << "in the lowest terms";
    EXPECT_EQ(count(ring), (std::map<std::uint32_t, std::size_t>{{1, 3}, {2, 1}, {3, 2}}));
    for (std::size_t i = 0; i < ring.size(); ++i)
        EXPECT_FALSE(ring[i] == ring[(i + 1) % 6] && ring[i] == ring[(i + 2) % 6]) << "a burst";
}

TEST(Ring, WrrOfManyWeightsIsBoundedAndLeavesNobodyOut) {
    std::vector<std::uint32_t> weights(500, 65521);
    weights[7] = 1;
    const auto ring = build_ring(Scheduler::wrr, 0, make_backends(weights));
    EXPECT_LE(ring.size(), 17000U);
    EXPECT_EQ(count(ring).size(), 500U);
    EXPECT_EQ(count(ring)[8], 1U);
}

TEST(Ring, LeastConnHasEveryBackendOnceUnlessItsWeightIsZero) {
    EXPECT_EQ(build_ring(Scheduler::least_conn, 0, make_backends({5, 0, 900})),
              (std::vector<std::uint32_t>{1, 3}));
}

TEST(Ring, IsEmptyWhenNobodyTakesFlows) {
    for (const auto scheduler : {Scheduler::maglev, Scheduler::source_hash, Scheduler::wrr,
                                 Scheduler::random, Scheduler::least_conn})
        EXPECT_TRUE(build_ring(scheduler, 1021, make_backends({0, 0})).empty());
    auto down = make_backends({100, 100});
    for (auto &backend : down)
        backend.weight = 0;
    EXPECT_TRUE(build_ring(Scheduler::maglev, 1021, down).empty());
}

TEST(Ring, SizeFollowsTheBackendsUnlessItIsGiven) {
    EXPECT_EQ(ring_slots(service_of(Scheduler::maglev, 3)), 1021U);
    EXPECT_EQ(ring_slots(service_of(Scheduler::source_hash, 10)), 65521U);
    EXPECT_EQ(ring_slots(service_of(Scheduler::maglev, 40)), 262139U);
    EXPECT_EQ(ring_slots(service_of(Scheduler::maglev, 1000)), 1048573U);
    EXPECT_EQ(ring_slots(service_of(Scheduler::maglev, 1000, 4093)), 4093U);
    EXPECT_EQ(ring_slots(service_of(Scheduler::wrr, 3)), 0U);
}

// However many there are: those who are down, drain or come up slowly are no change of the ring.
TEST(Ring, I9ABackendThatGoesMovesItsOwnSlotsAndNoOther) {
    for (const std::size_t backends : {3U, 10U, 100U, 1000U}) {
        const auto slots = ring_slots(service_of(Scheduler::maglev, backends));
        auto rows = make_backends(std::vector<std::uint32_t>(backends, 100));
        const auto whole = build_ring(Scheduler::maglev, slots, rows);
        rows[1].weight = 0;
        const auto without = build_ring(Scheduler::maglev, slots, rows);
        EXPECT_EQ(count(without).count(2), 0U);
        EXPECT_EQ(moved(whole, without), count(whole)[2]) << backends;

        std::size_t last = moved(whole, without);
        for (const std::uint32_t weight : {10U, 50U, 90U}) {
            rows[1].weight = weight;
            const auto ramp = build_ring(Scheduler::maglev, slots, rows);
            EXPECT_LT(moved(whole, ramp), last) << "what came back stays";
            EXPECT_NEAR(static_cast<double>(count(ramp)[2]),
                        static_cast<double>(count(whole)[2]) * weight / 100.0,
                        10 + static_cast<double>(count(whole)[2]) * 0.1);
            last = moved(whole, ramp);
        }
        rows[1].weight = 100;
        EXPECT_EQ(build_ring(Scheduler::maglev, slots, rows), whole) << "as if nothing had been";
    }
}

// Where hardly anybody is left, by weight all the same.
TEST(Ring, WhenNearlyAllAreDownTheOthersShareByWeightAndMoveLittle) {
    constexpr std::uint32_t kSlots = 65521;
    auto rows = make_backends(std::vector<std::uint32_t>(400, 100));
    for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i].weight = i < 4 ? 100 : 0;
    rows[1].weight = rows[1].share = 300;
    const auto four = build_ring(Scheduler::maglev, kSlots, rows);
    auto counted = count(four);
    EXPECT_EQ(counted.size(), 4U);
    EXPECT_NEAR(static_cast<double>(counted[2]), kSlots / 2.0, kSlots * 0.02);
    EXPECT_NEAR(static_cast<double>(counted[3]), kSlots / 6.0, kSlots * 0.02);
    rows[3].weight = 0;
    const auto three = build_ring(Scheduler::maglev, kSlots, rows);
    EXPECT_EQ(moved(four, three), counted[4]);
}

TEST(Ring, TheSlotsOfThoseWhoAreGoneAreShared) {
    auto rows = make_backends({100, 100, 100, 100});
    rows[0].weight = 0;
    for (const auto &[id, slots] : count(build_ring(Scheduler::maglev, 16381, rows)))
        EXPECT_NEAR(static_cast<double>(slots), 16381 / 3.0, 16381 * 0.02) << id;
}

TEST(Ring, AReloadMovesCloseToTheMinimum) {
    for (const std::size_t backends : {3U, 10U, 20U, 40U, 90U}) {
        const auto slots = ring_slots(service_of(Scheduler::maglev, backends));
        const auto rows = make_backends(std::vector<std::uint32_t>(backends, 100));
        auto fewer = rows;
        fewer.pop_back();
        const double least = static_cast<double>(slots) / static_cast<double>(backends);
        EXPECT_LE(static_cast<double>(moved(build_ring(Scheduler::maglev, slots, rows),
                                            build_ring(Scheduler::maglev, slots, fewer))),
                  least * 1.1)
            << backends;
    }
}

}  // namespace
}  // namespace weir
