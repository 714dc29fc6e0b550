// Deleting flows from real tables, with flows that real packets opened.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>

#include "lb/dataplane/collector.h"
#include "tests/tables/fixture.h"

namespace weir::test {
namespace {

const std::string kFlushed = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.11, port: 8080}, {address: 198.51.100.12, port: 8080}]}
  - {name: web6, vip: "2001:db8::10", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.13, port: 8080}]}
  - {name: dns, vip: 192.0.2.53, port: 53, protocol: udp,
     backends: [{address: 198.51.100.14, port: 53}]}
  - {name: dns6, vip: "2001:db8::53", port: 53, protocol: udp,
     backends: [{address: "2001:db8:1::14", port: 53}]}
snat: {addresses: [198.51.100.1]}
limits: {flows: 4096, new_flows: 4096, services: 16, backends: 16}
)";

class FlushTest : public TablesTest {
  protected:
    void SetUp() override {
        TablesTest::SetUp();
        if (IsSkipped())
            return;
        load(kFlushed);
        for (int port = 1; port <= 20; ++port)
            run(fmt::format("203.0.113.1:{}", port).c_str(), "192.0.2.10:80");
        run("[2001:db8:2::1]:1000", "[2001:db8::10]:80");
        run("203.0.113.1:1000", "192.0.2.53:53", Protocol::udp);
        run("198.51.100.14:53", "203.0.113.1:1000", Protocol::udp);  // established by the answer
        run("[2001:db8:2::1]:1000", "[2001:db8::53]:53", Protocol::udp);
        ASSERT_EQ(flows().size(), 23U);
        ASSERT_EQ(entries(), 46U);
    }

    // Of all flow tables, counted by the collector.
    std::uint64_t entries() {
        Collector collector(tables());
        while (!value_of(collector.step(std::chrono::milliseconds(100))))
            continue;
        std::uint64_t sum = 0;
        for (const TableUse &use : collector.census().tables)
            sum += use.of_flows ? use.entries : 0;
        return sum;
    }
    FlowDeletion flush(const std::function<bool(const Flow &)> &wanted) {
        return value_of(tables().delete_flows(wanted, [] { return true; }));
    }
};

TEST_F(FlushTest, DeletesBothDirectionsOfWhatIsWantedAndNothingElse) {
    const auto backend = *Endpoint::parse("198.51.100.11:8080");
    std::uint64_t before = 0;
    for (const Flow &flow : flows())
        before += flow.backend == backend ? 1U : 0U;
    ASSERT_GT(before, 0U);
    const auto done = flush([&](const Flow &flow) { return flow.backend == backend; });
    EXPECT_EQ(done.flows, before);
    EXPECT_TRUE(done.complete);
    EXPECT_EQ(entries(), 46 - 2 * before);
    EXPECT_EQ(flows().size(), 23 - before);
    EXPECT_EQ(flush([&](const Flow &flow) { return flow.backend == backend; }).flows, 0U);
}

TEST_F(FlushTest, EveryTableAndFamilyIsMet) {
    const auto flush_client = [&](const char *client) {
        const auto endpoint = *Endpoint::parse(client);
        return flush([&](const Flow &flow) { return flow.client == endpoint; }).flows;
    };
    EXPECT_EQ(flush_client("[2001:db8:2::1]:1000"), 2U) << "one of IPv6, one from IPv6 to IPv4";
    EXPECT_EQ(entries(), 42U);
    EXPECT_EQ(flush_client("203.0.113.1:1000"), 1U) << "established";
    EXPECT_EQ(entries(), 40U);
    EXPECT_EQ(flush([](const Flow &) { return true; }).flows, 20U);
    EXPECT_EQ(entries(), 0U);
}

// A filter sees the same flow in either direction's entry.
TEST_F(FlushTest, AnEntryThatLostItsOtherDirectionIsDeletedAsWell) {
    weir_tuple_v4 forward{};
    forward.head = {htons(1), htons(80), IPPROTO_TCP, 0, {}};
    forward.saddr = Address::parse("203.0.113.1")->v4_network_order();
    forward.daddr = Address::parse("192.0.2.10")->v4_network_order();
    ASSERT_EQ(bpf_map_delete_elem(tables().maps().flows_new_v4, &forward), 0);
    weir_tuple_v6 client_side{};
    client_side.head = {htons(1000), htons(80), IPPROTO_TCP, 0, {}};
    std::copy_n(Address::parse("2001:db8:2::1")->bytes().begin(), 16, client_side.saddr.bytes);
    std::copy_n(Address::parse("2001:db8::10")->bytes().begin(), 16, client_side.daddr.bytes);
    ASSERT_EQ(bpf_map_delete_elem(tables().maps().flows_new_v6, &client_side), 0);
    ASSERT_EQ(entries(), 44U);
    const auto done = flush([](const Flow &flow) {
        return flow.client == *Endpoint::parse("203.0.113.1:1") ||
               (flow.vip == *Endpoint::parse("[2001:db8::10]:80") &&
                flow.client == *Endpoint::parse("[2001:db8:2::1]:1000") &&
                flow.backend == *Endpoint::parse("198.51.100.13:8080") && flow.snat &&
                flow.snat->address == *Address::parse("198.51.100.1"));
    });
    EXPECT_EQ(done.flows, 2U);
    EXPECT_EQ(entries(), 42U);
}

TEST_F(FlushTest, WhatAnotherFlowHasTakenStays) {
    // the entry for the replies of 203.0.113.1:1000 leads to another client by now
    weir_tuple_v4 reply{};
    reply.head = {htons(53), htons(1000), IPPROTO_UDP, 0, {}};
    reply.saddr = Address::parse("198.51.100.14")->v4_network_order();
    reply.daddr = Address::parse("203.0.113.1")->v4_network_order();
    weir_flow entry{};
    const int map = tables().maps().flows_v4;
    ASSERT_EQ(bpf_map_lookup_elem(map, &reply, &entry), 0);
    entry.dport = htons(1001);
    ASSERT_EQ(bpf_map_update_elem(map, &reply, &entry, BPF_EXIST), 0);
    EXPECT_EQ(flush([](const Flow &flow) {
                  return flow.client == *Endpoint::parse("203.0.113.1:1000");
              }).flows,
              1U);
    EXPECT_EQ(entries(), 45U);
    EXPECT_EQ(bpf_map_lookup_elem(map, &reply, &entry), 0);
}

TEST_F(FlushTest, EndsWhenItIsToldTo) {
    const auto done =
        value_of(tables().delete_flows([](const Flow &) { return true; }, [] { return false; }));
    EXPECT_EQ(done.flows, 0U);
    EXPECT_FALSE(done.complete);
    EXPECT_EQ(entries(), 46U);
}

TEST_F(FlushTest, FlowsThatAreTooOldGoUncounted) {
    path().advance(std::chrono::seconds(40));  // no TCP handshake may take so long
    EXPECT_EQ(flush([](const Flow &) { return true; }).flows, 2U) << "those of UDP";
    EXPECT_EQ(entries(), 0U);
}

TEST_F(FlushTest, ADeletedFlowStartsAnew) {
    EXPECT_EQ(flush([](const Flow &) { return true; }).flows, 23U);
    EXPECT_EQ(run("203.0.113.1:1", "192.0.2.10:80").trace.reason, WEIR_DROP_NONE);
    EXPECT_EQ(flows().size(), 1U);
}

}  // namespace
}  // namespace weir::test
