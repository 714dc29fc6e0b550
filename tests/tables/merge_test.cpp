// What becomes of an entry that is taken over where the new tables have one of the same tuple.
#include "lb/dataplane/merge.h"

#include <bpf/bpf.h>

#include <cstring>

#include "tests/tables/fixture.h"
#include "tests/tables/merge_entries.h"

namespace weir::test {
namespace {

struct Meeting {
    const char *name;
    FlowEntry was, is;
    bool old_stays;
    NewTables tables = NewTables::in_use;
};

void PrintTo(const Meeting &meeting, std::ostream *out) {
    *out << meeting.name;
}

// Of one flow, what stays is as young as either entry; but a copy is what it was copied from.
std::uint32_t refreshed_after(const Meeting &meeting) {
    const auto &[name, was, is, old_stays, tables] = meeting;
    if (tables == NewTables::copied || was.port != is.port)
        return (old_stays ? was : is).refreshed;
    const bool old_is_younger = static_cast<std::int32_t>(was.refreshed - is.refreshed) > 0;
    return (old_is_younger ? was : is).refreshed;
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
        return value_of(put_entry({"flows_v4", table_.get()}, &siblings, GetParam().tables,
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
    static void expect_is(const std::optional<weir_flow> &flow, const FlowEntry &entry) {
        ASSERT_TRUE(flow);
        EXPECT_EQ(flow->state, entry.state);
        EXPECT_EQ(flow->sport, entry.port);
    }

    Fd table_, sibling_;
    weir_tuple_v4 key_{};
};

TEST_P(MergeTest, InTheSameTable) {
    put_new(table_);
    const auto refreshed = refreshed_after(GetParam());
    EXPECT_EQ(put_old(), GetParam().old_stays || refreshed != GetParam().is.refreshed);
    expect_is(entry_in(table_), GetParam().old_stays ? GetParam().was : GetParam().is);
    EXPECT_EQ(entry_in(table_)->refreshed, refreshed);
    EXPECT_FALSE(entry_in(sibling_));
    EXPECT_FALSE(put_old()) << "nothing is left to do";
}

TEST_P(MergeTest, InTheOtherTable) {
    put_new(sibling_);
    if (GetParam().was.state == WEIR_FLOW_CLOSED && GetParam().tables == NewTables::in_use) {
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

// The same client, port and backend: the translation is the same.
INSTANTIATE_TEST_SUITE_P(UsedAgain, MergeTest,
                         testing::Values(Meeting{"opened",
                                                 {WEIR_FLOW_NEW, kTick + 4},
                                                 {WEIR_FLOW_CLOSED, kTick, kSame, kBrought},
                                                 true},
                                         Meeting{"established",
                                                 {WEIR_FLOW_ESTABLISHED, kTick + 4},
                                                 {WEIR_FLOW_CLOSED, kTick, kSame, kBrought},
                                                 true},
                                         Meeting{"of_several_tables",
                                                 {WEIR_FLOW_NEW, kTick + 4},
                                                 {WEIR_FLOW_CLOSED, kTick, kSame, kBrought},
                                                 true,
                                                 NewTables::mixed},
                                         Meeting{"or_a_packet_has_closed_the_copy",
                                                 {WEIR_FLOW_ESTABLISHED, kTick},
                                                 {WEIR_FLOW_CLOSED, kTick, kSame, kBrought},
                                                 false},
                                         Meeting{"and_closed_by_packets_since",
                                                 {WEIR_FLOW_ESTABLISHED, kTick + 4},
                                                 {WEIR_FLOW_CLOSED, kTick},
                                                 false},
                                         Meeting{"no_copy_is_from_later",
                                                 {WEIR_FLOW_NEW, kTick},
                                                 {WEIR_FLOW_CLOSED, kTick, kSame, kBrought},
                                                 true,
                                                 NewTables::copied}),
                         [](const auto &row) { return row.param.name; });

INSTANTIATE_TEST_SUITE_P(MetPacketsInTheOldTables, MergeTest,
                         testing::Values(Meeting{"since_the_copy",
                                                 {WEIR_FLOW_ESTABLISHED, kTick + 20},
                                                 {WEIR_FLOW_ESTABLISHED, kTick, kSame, kBrought},
                                                 false},
                                         Meeting{"before_the_other_end_closed",
                                                 {WEIR_FLOW_ESTABLISHED, kTick + 20},
                                                 {WEIR_FLOW_CLOSING, kTick, kSame, kBrought},
                                                 false},
                                         Meeting{
                                             "before_the_new_ones",
                                             {WEIR_FLOW_ESTABLISHED, kTick},
                                             {WEIR_FLOW_ESTABLISHED, kTick + 20, kSame, kBrought},
                                             false},
                                         Meeting{"since_a_start_was_killed",
                                                 {WEIR_FLOW_ESTABLISHED, kTick + 20},
                                                 {WEIR_FLOW_ESTABLISHED, kTick, kSame, kBrought},
                                                 true,
                                                 NewTables::copied},
                                         Meeting{"and_closed_within_the_tick",
                                                 {WEIR_FLOW_CLOSED, kTick},
                                                 {WEIR_FLOW_ESTABLISHED, kTick, kSame, kBrought},
                                                 true,
                                                 NewTables::copied},
                                         Meeting{"and_is_to_start_over",
                                                 {WEIR_FLOW_ESTABLISHED, kTick - (1U << 30)},
                                                 {WEIR_FLOW_ESTABLISHED, kTick, kSame, kBrought},
                                                 true,
                                                 NewTables::copied}),
                         [](const auto &row) { return row.param.name; });

}  // namespace
}  // namespace weir::test
