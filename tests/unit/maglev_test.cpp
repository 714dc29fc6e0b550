#include "lb/model/maglev.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace weir {
namespace {

constexpr std::uint32_t kRingSlots = 16381;

std::vector<BackendRow> make_backends(std::uint32_t count, std::uint32_t weight = 100) {
    std::vector<BackendRow> backends;
    for (std::uint32_t i = 0; i < count; ++i)
        backends.push_back({i,
                            {Address::v4(198, 51, static_cast<std::uint8_t>(100 + i / 250),
                                         static_cast<std::uint8_t>(1 + i % 250)),
                             8080},
                            weight});
    return backends;
}

std::map<std::uint32_t, int> count_slots(const std::vector<std::uint32_t> &ring) {
    std::map<std::uint32_t, int> slots;
    for (const std::uint32_t id : ring)
        ++slots[id];
    return slots;
}

TEST(Maglev, GivesEqualBackendsEqualShares) {
    const auto slots = count_slots(build_maglev_ring(make_backends(10), kRingSlots));
    ASSERT_EQ(slots.size(), 10U);
    for (const auto &[id, count] : slots)
        EXPECT_NEAR(count, kRingSlots / 10.0, 1.0) << "backend " << id;
}

TEST(Maglev, SharesFollowWeights) {
    auto backends = make_backends(3);
    backends[0].weight = 10;
    backends[1].weight = 20;
    backends[2].weight = 70;
    auto slots = count_slots(build_maglev_ring(backends, kRingSlots));
    EXPECT_NEAR(slots[0], kRingSlots * 0.10, kRingSlots * 0.001);
    EXPECT_NEAR(slots[1], kRingSlots * 0.20, kRingSlots * 0.001);
    EXPECT_NEAR(slots[2], kRingSlots * 0.70, kRingSlots * 0.001);
}

TEST(Maglev, WeightZeroGetsNothing) {
    auto backends = make_backends(3);
    backends[1].weight = 0;
    EXPECT_EQ(count_slots(build_maglev_ring(backends, kRingSlots)).count(1), 0U);
    for (BackendRow &backend : backends)
        backend.weight = 0;
    EXPECT_TRUE(build_maglev_ring(backends, kRingSlots).empty());
    EXPECT_TRUE(build_maglev_ring({}, kRingSlots).empty());
}

TEST(Maglev, DependsOnNeitherOrderNorIds) {
    auto backends = make_backends(7);
    const auto ring = build_maglev_ring(backends, kRingSlots);
    std::mt19937 random(1);
    std::shuffle(backends.begin(), backends.end(), random);
    EXPECT_EQ(build_maglev_ring(backends, kRingSlots), ring);
    for (BackendRow &backend : backends)
        backend.id += 1000;
    auto renamed = build_maglev_ring(backends, kRingSlots);
    for (std::uint32_t &id : renamed)
        id -= 1000;
    EXPECT_EQ(renamed, ring);
}

// I9: a backend that goes takes its own slots with it and little else.
TEST(Maglev, I9MovesLittleWhenABackendGoes) {
    const auto before = build_maglev_ring(make_backends(10), kRingSlots);
    const auto after = build_maglev_ring(make_backends(9), kRingSlots);
    std::uint32_t moved_needlessly = 0;
    for (std::size_t slot = 0; slot < before.size(); ++slot)
        if (before[slot] != 9 && before[slot] != after[slot])
            ++moved_needlessly;
    EXPECT_LT(moved_needlessly, kRingSlots / 10);
}

}  // namespace
}  // namespace weir
