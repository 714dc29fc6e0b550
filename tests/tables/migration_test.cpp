// What tables of another size hold, brought into new ones while the old ones are at work.
#include "lb/dataplane/migration.h"

#include <bpf/bpf.h>

#include <filesystem>

#include "lb/dataplane/flow_table.h"
#include "tests/support/netns.h"
#include "tests/tables/fixture.h"
#include "tests/tables/merge_entries.h"

namespace weir::test {
namespace {

const std::filesystem::path kPins = "/sys/fs/bpf/weir-migration";

class MigrationTest : public TablesTest {
  protected:
    void SetUp() override {
        TablesTest::SetUp();
        if (IsSkipped())
            return;
        enter_mount_sandbox();
        old_ = std::make_unique<Objects>(make("old", {1024, 512, 4, 4}));
        new_ = std::make_unique<Objects>(make("new", {2048, 1024, 8, 8}));
        value_of(old_->tables().write_settings({}));
    }
    void TearDown() override { std::filesystem::remove_all(kPins); }

    static Objects make(const char *folder, const Limits &limits,
                        const std::optional<std::filesystem::path> &share = std::nullopt) {
        std::filesystem::create_directories(kPins / folder);
        return value_of(Objects::load({limits, kPins / folder, std::nullopt, share}));
    }
    Migration migration() {
        return value_of(Migration::prepare(kPins / "old", *new_, MigrationScope::everything));
    }
    template <typename Value>
    static void write(const Objects &to, const char *map, std::uint32_t index, const Value &value) {
        ASSERT_EQ(bpf_map_update_elem(to.map(map), &index, &value, BPF_ANY), 0);
    }
    static std::uint64_t latency(const Objects &of) {
        const std::uint32_t index = 1;
        weir_latency value{};
        EXPECT_EQ(bpf_map_lookup_elem(of.map("service_latencies"), &index, &value), 0);
        return value.buckets[3];
    }
    static void note(const Objects &to, std::uint64_t count) {
        weir_latency value{};
        value.buckets[3] = count;
        write(to, "service_latencies", 1, value);
    }

    std::unique_ptr<Objects> old_, new_;
};

TEST_F(MigrationTest, LatenciesThatAreNotedMeanwhileAreBroughtOver) {
    note(*old_, 5);
    auto brought = migration();
    value_of(brought.copy(NewTables::copied));
    EXPECT_EQ(latency(*new_), 5U);
    note(*old_, 7);
    value_of(brought.copy_rest(NewTables::copied));
    EXPECT_EQ(latency(*new_), 7U);
    note(*new_, 10);
    value_of(brought.copy_rest(NewTables::in_use));
    EXPECT_EQ(latency(*new_), 10U) << "nothing is counted twice";
}

// As one start after another does it, of which the first was killed before any packet met its
// tables.
TEST_F(MigrationTest, ALaterCopyMakesFlowsAsYoungAsTheyAre) {
    const weir_tuple_v4 key{{1, 2, IPPROTO_UDP, 0, {}}, 3, 4};
    const auto now = to_ticks(data_path_now(-1));
    const auto refresh = [&](std::uint32_t when) {
        const auto flow = flow_of({WEIR_FLOW_ESTABLISHED, when});
        ASSERT_EQ(bpf_map_update_elem(old_->map("flows_v4"), &key, &flow, BPF_ANY), 0);
    };
    refresh(now - 100 * WEIR_REFRESH_TICKS);
    value_of(migration().copy(NewTables::copied));
    for (const auto tables : {NewTables::copied, NewTables::mixed, NewTables::in_use}) {
        const auto when = now - 50 * WEIR_REFRESH_TICKS + static_cast<std::uint32_t>(tables);
        refresh(when);
        value_of(migration().copy(tables));
        weir_flow flow{};
        ASSERT_EQ(bpf_map_lookup_elem(new_->map("flows_v4"), &key, &flow), 0);
        EXPECT_EQ(flow.refreshed, when);
        EXPECT_EQ(flow.flags, WEIR_FLOW_BROUGHT);
    }
}

// It is in the table that packets change, and the copy is of the moment before.
TEST_F(MigrationTest, AFlowThatIsPromotedMeanwhileIntoASharedTableStaysThere) {
    const Objects half = make("half", {1024, 1024, 4, 4}, kPins / "old");
    const weir_tuple_v4 key{{1, 2, IPPROTO_TCP, 0, {}}, 3, 4};
    const auto now = to_ticks(data_path_now(-1));
    for (const auto &[map, state] :
         {std::pair("flows_v4", WEIR_FLOW_ESTABLISHED), std::pair("flows_new_v4", WEIR_FLOW_NEW)}) {
        const auto flow = flow_of({static_cast<std::uint8_t>(state), now});
        ASSERT_EQ(bpf_map_update_elem(old_->map(map), &key, &flow, BPF_ANY), 0);
    }
    auto brought = value_of(Migration::prepare(kPins / "old", half, MigrationScope::everything));
    ASSERT_TRUE(brought.moves_flows());
    value_of(brought.copy(NewTables::copied));
    weir_flow flow{};
    EXPECT_EQ(bpf_map_lookup_elem(half.map("flows_v4"), &key, &flow), 0);
    EXPECT_NE(bpf_map_lookup_elem(half.map("flows_new_v4"), &key, &flow), 0);
}

}  // namespace
}  // namespace weir::test
