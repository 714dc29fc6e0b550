// A walk over the flow tables that is stopped, and goes on.
#include <fmt/format.h>

#include <set>

#include "tests/tables/fixture.h"

namespace weir::test {
namespace {

const std::string kWalked = R"(
services:
  - {name: dns, vip: 192.0.2.53, port: 53, protocol: udp,
     backends: [{address: 198.51.100.14, port: 53}]}
  - {name: dns6, vip: "2001:db8::53", port: 53, protocol: udp,
     backends: [{address: "2001:db8:1::14", port: 53}]}
limits: {flows: 16384, new_flows: 16384, services: 16, backends: 16}
)";

class WalkTest : public TablesTest {
  protected:
    void SetUp() override {
        TablesTest::SetUp();
        if (IsSkipped())
            return;
        load(kWalked);
        for (int port = 1; port <= kEach; ++port) {
            run(fmt::format("203.0.113.1:{}", port).c_str(), "192.0.2.53:53", Protocol::udp);
            run(fmt::format("[2001:db8:2::1]:{}", port).c_str(), "[2001:db8::53]:53",
                Protocol::udp);
            if (port % 2 == 0)  // established by the answer
                run("198.51.100.14:53", fmt::format("203.0.113.1:{}", port).c_str(), Protocol::udp);
        }
    }

    static constexpr int kEach = 3000;
};

TEST_F(WalkTest, GoesOnWhereItWasStoppedAndMeetsEachFlowOnce) {
    std::set<std::string> met;
    std::size_t visits = 0;
    int parts = 0;
    FlowPosition from;
    for (bool more = true; more && parts < 1000; ++parts) {
        bool asked = false;
        const auto rest = value_of(tables().for_each_flow(
            from, [&] { return !std::exchange(asked, true); },
            [&](const Flow &flow) {
                ++visits;
                met.insert(flow.client.to_string());
            }));
        more = rest.has_value();
        from = rest.value_or(FlowPosition{});
    }
    EXPECT_GT(parts, 4) << "a batch of each table at least";
    EXPECT_EQ(visits, 2U * kEach);
    EXPECT_EQ(met.size(), 2U * kEach);
}

TEST_F(WalkTest, IsRefusedWhereItsTablesAreNotThere) {
    const auto rest = tables().for_each_flow(
        {0x7fffffff, 0}, [] { return true; }, [](const Flow &) { ADD_FAILURE(); });
    ASSERT_FALSE(rest);
    EXPECT_EQ(rest.error().exit, Exit::usage);
}

}  // namespace
}  // namespace weir::test
