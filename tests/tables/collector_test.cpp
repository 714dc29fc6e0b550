// The collector on real flow tables, with flows that real packets opened; the clock is the test's.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <numeric>

#include "lb/dataplane/collector.h"
#include "tests/tables/fixture.h"

namespace weir::test {
namespace {

using std::chrono::seconds;

const std::string kConfig = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp, limits: {flows_per_backend: 100},
     backends: [{address: 198.51.100.11, port: 8080}, {address: 198.51.100.12, port: 8080}]}
  - {name: web6, vip: "2001:db8::10", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.13, port: 8080}]}
  - {name: dns, vip: 192.0.2.53, port: 53, protocol: udp,
     backends: [{address: 198.51.100.14, port: 53}]}
snat: {addresses: [198.51.100.1]}
timeouts: {tcp_new: 30s, udp: 5m}
limits: {flows: 4096, new_flows: 4096, services: 16, backends: 16}
)";

class CollectorTest : public TablesTest {
  protected:
    void SetUp() override {
        TablesTest::SetUp();
        if (!IsSkipped())
            load(kConfig);
    }

    Census collect() {
        Collector collector(tables());
        while (!value_of(collector.step(std::chrono::milliseconds(1))))
            continue;
        return collector.census();
    }
    static std::uint64_t entries(const Census &census, std::string_view table) {
        for (const TableUse &use : census.tables)
            if (use.table == table)
                return use.entries;
        ADD_FAILURE() << "no table " << table;
        return 0;
    }
    static std::uint64_t entries(const Census &census) {
        std::uint64_t sum = 0;
        for (const TableUse &use : census.tables)
            sum += use.of_flows ? use.entries : 0;
        return sum;
    }
    static std::uint32_t flows_counted(const Census &census) {
        std::uint32_t sum = 0;
        for (const auto &[backend, flows] : census.flows)
            sum += flows;
        return sum;
    }
    void open_web(int count) {
        for (int port = 1; port <= count; ++port)
            run(fmt::format("203.0.113.1:{}", port).c_str(), "192.0.2.10:80");
    }
};

TEST_F(CollectorTest, CountsTheFlowsOfEachBackend) {
    open_web(20);
    run("[2001:db8:2::1]:1000", "[2001:db8::10]:80");
    run("203.0.113.1:1000", "192.0.2.53:53", Protocol::udp);
    const Census census = collect();
    std::map<std::string, std::uint32_t> by_backend;
    for (const Flow &flow : flows())
        ++by_backend[flow.backend.to_string()];
    for (const ServiceRow &service : path().plan().result.services)
        for (const BackendRow &backend : service.backends)
            EXPECT_EQ(census.flows_of(backend.id), by_backend[backend.endpoint.to_string()])
                << backend.endpoint.to_string();
    EXPECT_EQ(flows_counted(census), 22U);
    EXPECT_EQ(entries(census), 44U) << "one for each direction";
    EXPECT_EQ(entries(census, "flows_new_v6"), 2U) << "both sides of NAT64";
    EXPECT_EQ(entries(census, "services"), 3U);
    EXPECT_EQ(entries(census, "backends"), 4U);
    EXPECT_EQ(census.removed, 0U);
}

TEST_F(CollectorTest, RemovesBothDirectionsOfWhatIsOverAndNothingElse) {
    open_web(10);
    run("[2001:db8:2::1]:1000", "[2001:db8::10]:80");
    run("203.0.113.1:1000", "192.0.2.53:53", Protocol::udp);
    path().advance(seconds(29));
    EXPECT_EQ(collect().removed, 0U);
    path().advance(seconds(2));
    const Census census = collect();
    EXPECT_EQ(census.removed, 22U) << "all TCP flows, which were never answered";
    EXPECT_EQ(entries(census), 2U);
    EXPECT_EQ(flows_counted(census), 1U);
    ASSERT_EQ(flows().size(), 1U);
    EXPECT_EQ(flows()[0].protocol, Protocol::udp);
    EXPECT_EQ(collect().removed, 0U);
    path().advance(seconds(300));
    EXPECT_EQ(entries(collect()), 0U);
}

// The client sends, the backend only listens: the reply's entry is kept by the other one.
TEST_F(CollectorTest, ADirectionWithPacketsKeepsTheOther) {
    run("203.0.113.1:1000", "192.0.2.53:53", Protocol::udp);
    // a reply entry that is old while its forward one is young
    weir_tuple_v4 reply{};
    reply.head = {htons(53), htons(1000), IPPROTO_UDP, 0, {}};
    reply.saddr = Address::parse("198.51.100.14")->v4_network_order();
    reply.daddr = Address::parse("203.0.113.1")->v4_network_order();
    weir_flow entry{};
    const int map = tables().maps().flows_new_v4;
    ASSERT_EQ(bpf_map_lookup_elem(map, &reply, &entry), 0);
    entry.refreshed -= 400'000'000'000 >> WEIR_TICK_SHIFT;
    ASSERT_EQ(bpf_map_update_elem(map, &reply, &entry, BPF_EXIST), 0);
    EXPECT_EQ(collect().removed, 0U);
    EXPECT_EQ(bpf_map_lookup_elem(map, &reply, &entry), 0);
}

TEST_F(CollectorTest, AWalkIsTakenInShortSteps) {
    for (int port = 1; port <= 3000; ++port)
        run(fmt::format("203.0.113.1:{}", port).c_str(), "192.0.2.53:53", Protocol::udp);
    path().advance(seconds(301));
    Collector collector(tables());
    int steps = 1;
    auto longest = std::chrono::nanoseconds(0);
    while (true) {
        const auto begin = std::chrono::steady_clock::now();
        const bool done = value_of(collector.step(std::chrono::nanoseconds(0)));
        longest = std::max(longest, std::chrono::steady_clock::now() - begin);
        if (done)
            break;
        ++steps;
    }
    EXPECT_GT(steps, 10) << "a batch at a time";
    EXPECT_LT(longest, std::chrono::milliseconds(50)) << "a processor that is shared";
    EXPECT_GT(collector.census().removed, 4000U);
}

TEST_F(CollectorTest, WhatItCountsIsWhatLimitsABackend) {
    const auto dropped = [&](int port) {
        return run(fmt::format("203.0.113.9:{}", port).c_str(), "192.0.2.10:80").trace.reason;
    };
    std::vector<std::uint32_t> ids;
    for (const BackendRow &backend : path().plan().result.services[0].backends)
        ids.push_back(backend.id);
    value_of(tables().write_backend_flows(ids, {100, 100}));
    EXPECT_EQ(dropped(1), WEIR_DROP_BACKEND_FULL);
    const Census census = collect();
    value_of(tables().write_backend_flows(ids, {census.flows_of(ids[0]), census.flows_of(ids[1])}));
    EXPECT_EQ(dropped(2), WEIR_DROP_NONE);
}

}  // namespace
}  // namespace weir::test
