// What becomes of an entry that is taken over where tables of the other family have one of the same
// tuple.
#include <netinet/in.h>

#include <cstring>

#include "lb/dataplane/map_access.h"
#include "lb/dataplane/merge.h"
#include "tests/tables/fixture.h"
#include "tests/tables/merge_entries.h"

namespace weir::test {
namespace {

// A tuple of IPv4 may be a key of either family's tables, in IPv6's mapped.
class CrossedMergeTest : public TablesTest, public testing::WithParamInterface<bool> {
  protected:
    void SetUp() override {
        TablesTest::SetUp();
        if (IsSkipped())
            return;
        for (Fd *map : {&v4_, &new_v4_})
            *map = flow_table(sizeof(weir_tuple_v4), sizeof(weir_flow));
        for (Fd *map : {&v6_, &new_v6_})
            *map = flow_table(sizeof(weir_tuple_v6), sizeof(weir_flow_v6));
        of_v4_ = {{20000, 443, IPPROTO_TCP, 0, {}}, 0x0100a8c0, 0x010200c0};
        of_v6_.head = of_v4_.head;
        of_v6_.head.mapped = 1;
        of_v6_.saddr = to_abi(from_abi(of_v4_.saddr));
        of_v6_.daddr = to_abi(from_abi(of_v4_.daddr));
    }
    // An entry that is taken over: into IPv4's table, or into IPv6's.
    bool to_v4() const { return GetParam(); }
    bool take_over(const FlowEntry &was) {
        weir_flow_v6 flow{};
        flow.flow = flow_of(was);
        const auto bytes = [](const auto &from, std::size_t size) {
            std::vector<std::byte> all(size);
            std::memcpy(all.data(), &from, size);
            return all;
        };
        if (to_v4())
            return value_of(put_entry({"flows_v4", v4_.get()}, &of_v4_tables(), NewTables::in_use,
                                      bytes(of_v4_, sizeof of_v4_),
                                      bytes(flow, sizeof(weir_flow))));
        return value_of(put_entry({"flows_v6", v6_.get()}, &of_v6_tables(), NewTables::in_use,
                                  bytes(of_v6_, sizeof of_v6_), bytes(flow, sizeof flow)));
    }
    const Siblings &of_v4_tables() {
        return siblings_ = {new_v4_.get(), {v6_.get(), new_v6_.get()}};
    }
    const Siblings &of_v6_tables() {
        return siblings_ = {new_v6_.get(), {v4_.get(), new_v4_.get()}};
    }
    // That packets, or a copy, made in the other family's table of flows that are new.
    void meet(const FlowEntry &is) {
        weir_flow_v6 flow{};
        flow.flow = flow_of(is);
        const void *key = to_v4() ? static_cast<const void *>(&of_v6_) : &of_v4_;
        ASSERT_EQ(bpf_map_update_elem((to_v4() ? new_v6_ : new_v4_).get(), key, &flow, BPF_NOEXIST),
                  0);
    }
    bool has_old() { return has(to_v4() ? v4_ : v6_, to_v4()); }
    bool has_new() { return has(to_v4() ? new_v6_ : new_v4_, !to_v4()); }
    bool has(const Fd &map, bool v4) {
        weir_flow_v6 flow{};
        const void *key = v4 ? static_cast<const void *>(&of_v4_) : &of_v6_;
        return bpf_map_lookup_elem(map.get(), key, &flow) == 0;
    }

    Fd v4_, new_v4_, v6_, new_v6_;
    weir_tuple_v4 of_v4_{};
    weir_tuple_v6 of_v6_{};
    Siblings siblings_;
};

TEST_P(CrossedMergeTest, I4TheLaterFlowOfATupleStays) {
    meet({WEIR_FLOW_CLOSED, kTick, kSame, kBrought});
    EXPECT_TRUE(take_over({WEIR_FLOW_NEW, kTick + 60, kOther}));
    EXPECT_TRUE(has_old());
    EXPECT_FALSE(has_new());
}

TEST_P(CrossedMergeTest, I4TheLaterFlowOfATupleIsNotReplaced) {
    meet({WEIR_FLOW_NEW, kTick + 60, kOther});
    EXPECT_FALSE(take_over({WEIR_FLOW_ESTABLISHED, kTick}));
    EXPECT_FALSE(has_old());
    EXPECT_TRUE(has_new());
}

TEST_P(CrossedMergeTest, WithinATickACopyIsTheOlderOne) {
    meet({WEIR_FLOW_CLOSED, kTick, kSame, kBrought});
    EXPECT_TRUE(take_over({WEIR_FLOW_NEW, kTick, kOther}));
    EXPECT_TRUE(has_old());
    EXPECT_FALSE(has_new());
}

TEST_P(CrossedMergeTest, WithinATickWhatPacketsMadeIsTheLaterOne) {
    meet({WEIR_FLOW_NEW, kTick, kSame});
    EXPECT_FALSE(take_over({WEIR_FLOW_ESTABLISHED, kTick, kOther}));
    EXPECT_FALSE(has_old());
    EXPECT_TRUE(has_new());
}

INSTANTIATE_TEST_SUITE_P(, CrossedMergeTest, testing::Bool(),
                         [](const auto &row) { return row.param ? "IntoV4" : "IntoV6"; });

}  // namespace
}  // namespace weir::test
