// What becomes of an entry that is taken over where the new tables have one of the same tuple.
#include "lb/dataplane/merge.h"

#include <bpf/bpf.h>

#include <netinet/in.h>

#include <cstring>

#include "lb/dataplane/fd.h"
#include "lb/dataplane/map_access.h"
#include "tests/tables/fixture.h"

namespace weir::test {
namespace {

constexpr std::uint32_t kTick = 0xfffffffe;  // ticks come round
constexpr std::uint8_t kBrought = WEIR_FLOW_BROUGHT;
constexpr std::uint16_t kSame = 10000;
constexpr std::uint16_t kOther = 10001;

struct Entry {
    std::uint8_t state;
    std::uint32_t refreshed;
    std::uint16_t port = kSame;  // after translation
    std::uint8_t flags = 0;
};

struct Meeting {
    const char *name;
    Entry was, is;
    bool old_stays;
};

void PrintTo(const Meeting &meeting, std::ostream *out) {
    *out << meeting.name;
}

weir_flow flow_of(const Entry &entry) {
    weir_flow flow{};
    flow.state = entry.state;
    flow.refreshed = entry.refreshed;
    flow.sport = entry.port;
    flow.flags = entry.flags;
    return flow;
}

Fd flow_table(std::uint32_t key, std::uint32_t value) {
    return Fd(bpf_map_create(BPF_MAP_TYPE_HASH, "flows", key, value, 16, nullptr));
}

class MergeTest : public TablesTest, public testing::WithParamInterface<Meeting> {
  protected:
    void SetUp() override {
        TablesTest::SetUp();
        if (IsSkipped())
            return;
        for (Fd *map : {&table_, &sibling_})
            *map = flow_table(sizeof(weir_tuple_v4), sizeof(weir_flow));
        ASSERT_TRUE(table_ && sibling_);
    }

    bool put_old() {
        const weir_flow flow = flow_of(GetParam().was);
        std::vector<std::byte> value(sizeof flow);
        std::memcpy(value.data(), &flow, sizeof flow);
        const Siblings siblings{sibling_.get(), {-1, -1}};
        return value_of(put_entry({"flows_v4", table_.get()}, &siblings, NewTables::in_use,
                                  std::vector<std::byte>(sizeof key_), value));
    }
    void put_new(const Fd &map) {
        const weir_flow flow = flow_of(GetParam().is);
        ASSERT_EQ(bpf_map_update_elem(map.get(), &key_, &flow, BPF_NOEXIST), 0);
    }
    // Nothing, where there is no entry.
    std::optional<weir_flow> entry_in(const Fd &map) {
        weir_flow flow{};
        if (bpf_map_lookup_elem(map.get(), &key_, &flow) != 0)
            return std::nullopt;
        return flow;
    }
    static void expect_is(const std::optional<weir_flow> &flow, const Entry &entry) {
        ASSERT_TRUE(flow);
        EXPECT_EQ(flow->state, entry.state);
        EXPECT_EQ(flow->sport, entry.port);
    }

    Fd table_, sibling_;
    weir_tuple_v4 key_{};
};

TEST_P(MergeTest, InTheSameTable) {
    put_new(table_);
    EXPECT_EQ(put_old(), GetParam().old_stays);
    expect_is(entry_in(table_), GetParam().old_stays ? GetParam().was : GetParam().is);
    EXPECT_FALSE(entry_in(sibling_));
}

TEST_P(MergeTest, InTheOtherTable) {
    put_new(sibling_);
    if (GetParam().was.state == WEIR_FLOW_CLOSED) {
        EXPECT_FALSE(put_old()) << "its client has started over";
        expect_is(entry_in(sibling_), GetParam().is);
        return;
    }
    put_old();
    const auto &stays = GetParam().old_stays ? table_ : sibling_;
    const auto &goes = GetParam().old_stays ? sibling_ : table_;
    expect_is(entry_in(stays), GetParam().old_stays ? GetParam().was : GetParam().is);
    EXPECT_FALSE(entry_in(goes));
}

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
    bool take_over(const Entry &was) {
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
    void meet(const Entry &is) {
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

INSTANTIATE_TEST_SUITE_P(
    Rows, MergeTest,
    testing::Values(
        Meeting{"promoted_meanwhile", {WEIR_FLOW_ESTABLISHED, kTick}, {WEIR_FLOW_NEW, kTick}, true},
        Meeting{"not_yet_promoted", {WEIR_FLOW_NEW, kTick}, {WEIR_FLOW_ESTABLISHED, kTick}, false},
        Meeting{"closed_a_tick_later",
                {WEIR_FLOW_CLOSED, kTick + 1},
                {WEIR_FLOW_ESTABLISHED, kTick},
                true},
        Meeting{"closed_within_the_tick_of_the_copy",
                {WEIR_FLOW_CLOSED, kTick},
                {WEIR_FLOW_ESTABLISHED, kTick, kSame, kBrought},
                true},
        Meeting{"closed_within_the_tick_of_its_successor",
                {WEIR_FLOW_CLOSED, kTick},
                {WEIR_FLOW_NEW, kTick},
                false},
        Meeting{"closed_before_its_successor",
                {WEIR_FLOW_CLOSED, kTick},
                {WEIR_FLOW_NEW, kTick + 4},
                false},
        Meeting{"another_flow_since",
                {WEIR_FLOW_NEW, kTick + 4, kOther},
                {WEIR_FLOW_CLOSED, kTick},
                true},
        Meeting{"another_flow_before",
                {WEIR_FLOW_ESTABLISHED, kTick, kOther},
                {WEIR_FLOW_NEW, kTick + 4},
                false},
        Meeting{"another_flow_within_the_tick_of_the_copy",
                {WEIR_FLOW_NEW, kTick, kOther},
                {WEIR_FLOW_CLOSED, kTick, kSame, kBrought},
                true},
        Meeting{"another_flow_within_the_tick_of_its_successor",
                {WEIR_FLOW_ESTABLISHED, kTick, kOther},
                {WEIR_FLOW_NEW, kTick},
                false}),
    [](const auto &row) { return row.param.name; });

}  // namespace
}  // namespace weir::test
