// What is written into the tables, and read back by a daemon that goes on with them.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "lb/dataplane/flow_table.h"
#include "lb/dataplane/map_access.h"
#include "lb/dataplane/rings.h"
#include "tests/tables/fixture.h"

namespace weir::test {
namespace {

const std::string kEverything = R"(
services:
  - name: web
    vip: 192.0.2.10
    port: 80
    protocol: tcp
    session_affinity: {timeout: 10m}
    source_ranges: [203.0.113.0/24, "!203.0.113.128/25"]
    limits: {new_flows_per_second: 30, new_flows_per_second_per_source: 20, flows_per_backend: 10}
    backends: [{address: 198.51.100.11, port: 8080}, {address: 198.51.100.12, port: 8080, weight: 7}]
  - name: web6
    vip: "2001:db8::10"
    port: 80
    protocol: tcp
    mode: fullnat
    source_ranges: ["!2001:db8:bad::/48"]
    backends: [{address: "2001:db8:1::11", port: 8080}, {address: 198.51.100.11, port: 8081}]
  - {name: dns, vip: 192.0.2.10, port: 53, protocol: udp,
     backends: [{address: 198.51.100.12, port: 53}]}
snat: {addresses: [198.51.100.1, "2001:db8:1::1"], ports: 30000-30099}
limits: {flows: 1024, new_flows: 64, services: 16, backends: 16}
)";

const std::string kLess = R"(
services:
  - name: web
    vip: 192.0.2.10
    port: 80
    protocol: tcp
    source_ranges: ["!203.0.113.0/24"]
    backends: [{address: 198.51.100.12, port: 8080}]
limits: {flows: 1024, new_flows: 64, services: 16, backends: 16}
)";

// In an order that does not depend on where it comes from.
TableState sorted(TableState state) {
    const auto by_id = [](const auto &a, const auto &b) { return a.id < b.id; };
    std::sort(state.services.begin(), state.services.end(), by_id);
    for (ServiceRow &service : state.services)
        std::sort(service.backends.begin(), service.backends.end(), by_id);
    return state;
}

class TablesState : public TablesTest {
  protected:
    void expect_held(const TableState &wanted) {
        EXPECT_EQ(sorted(value_of(tables().read())), sorted(wanted));
    }
    bool known(weir_known kind, const char *text) {
        const auto address = to_abi(*Address::parse(text));
        const auto bit = weir_known_bit(kind, &address);
        const auto index = static_cast<std::uint32_t>(bit / 64);
        std::uint64_t word = 0;
        value_of(get(NamedMap{tables().maps().known_addresses, "known_addresses"}, index, word));
        return (word >> bit % 64 & 1) != 0;
    }
    Plan change_to(const std::string &yaml) {
        const Config config = value_of(parse_config(yaml, "test.yaml"));
        Plan plan = value_of(make_plan(value_of(tables().read()), config));
        value_of(tables().apply(plan));
        return plan;
    }
};

TEST_F(TablesState, EverythingThatIsWrittenIsReadBack) {
    load(kEverything);
    expect_held(path().plan().result);
    EXPECT_EQ(path().plan().result.vips.at(*Address::parse("192.0.2.10")), 2U);
    EXPECT_EQ(path().plan().result.backend_addresses.at(*Address::parse("198.51.100.11")), 2U);
    EXPECT_EQ(path().plan().result.services[0].ranges.size(), 3U);
}

TEST_F(TablesState, AChangeLeavesNothingOfWhatWasBefore) {
    load(kEverything);
    const Plan shrunk = change_to(kLess);
    expect_held(shrunk.result);
    EXPECT_EQ(shrunk.result.vips.size(), 1U);
    expect_held(change_to(kEverything).result);
    expect_held(change_to("services: []").result);
    EXPECT_EQ(value_of(tables().read()), TableState{});
}

// A packet of an address that is not known is nobody's, and flows outlive their service.
TEST_F(TablesState, AddressesStayKnownAsLongAsTheTables) {
    load(kEverything);
    const auto expect_known = [&] {
        EXPECT_TRUE(known(WEIR_KNOWN_VIP, "192.0.2.10"));
        EXPECT_TRUE(known(WEIR_KNOWN_VIP, "2001:db8::10"));
        EXPECT_TRUE(known(WEIR_KNOWN_BACKEND, "198.51.100.11"));
        EXPECT_TRUE(known(WEIR_KNOWN_BACKEND, "2001:db8:1::11"));
        EXPECT_FALSE(known(WEIR_KNOWN_BACKEND, "192.0.2.10"));
        EXPECT_FALSE(known(WEIR_KNOWN_VIP, "198.51.100.11"));
    };
    expect_known();
    EXPECT_EQ(run("203.0.113.2:40000", "192.0.2.10:80").trace.flow, WEIR_TRACE_NEW);
    const auto backend = flows().at(0).backend.to_string();
    change_to("services: []");
    expect_known();
    EXPECT_EQ(run(backend.c_str(), "203.0.113.2:40000", Protocol::tcp, kSyn | kAck).trace.flow,
              WEIR_TRACE_REPLY);
}

TEST_F(TablesState, WhatIsNotKnownIsLookedForAmongEstablishedFlowsOnly) {
    load(kEverything);
    const auto dns = [&](const char *client) {
        return run(client, "192.0.2.10:53", Protocol::udp).trace.flow;
    };
    EXPECT_EQ(dns("203.0.113.2:40000"), WEIR_TRACE_NEW);
    run("198.51.100.12:53", "203.0.113.2:40000", Protocol::udp);
    EXPECT_EQ(dns("203.0.113.3:40000"), WEIR_TRACE_NEW);
    for (std::uint32_t index = 0; index < WEIR_KNOWN_WORDS; index++)
        value_of(put(NamedMap{tables().maps().known_addresses, "known_addresses"}, index,
                     std::uint64_t{0}, "empty it"));
    EXPECT_EQ(dns("203.0.113.2:40000"), WEIR_TRACE_ESTABLISHED);
    EXPECT_EQ(dns("203.0.113.3:40000"), WEIR_TRACE_NONE) << "one that had no answer yet";
    EXPECT_EQ(dns("203.0.113.4:40000"), WEIR_TRACE_NONE);
}

// More than are written at a time.
TEST_F(TablesState, EveryOneOfManyServicesHasItsRingUntilItIsRemoved) {
    constexpr int kServices = 600;
    const auto many = [](int services) {
        std::string yaml = "services:\n";
        for (int i = 0; i < services; ++i)
            yaml += fmt::format(
                "  - {{name: s{}, vip: 192.0.2.10, port: {}, protocol: tcp, ring_size: {}, "
                "backends: [{{address: 198.51.100.11, port: 8080}}]}}\n",
                i, 1000 + i, i % 2 == 0 ? 101 : 103);
        return yaml + "limits: {flows: 1024, new_flows: 64, services: 1024, backends: 1024}\n";
    };
    load(many(kServices));
    const auto slots = [&](int service) {
        const auto id = path().plan().result.services.at(static_cast<std::size_t>(service)).id;
        return read_ring_slots(tables().maps().rings, id);
    };
    for (int i = 0; i < kServices; ++i)
        ASSERT_EQ(slots(i), i % 2 == 0 ? 101U : 103U) << i;
    change_to(many(1));
    EXPECT_EQ(slots(0), 101U);
    for (int i = 1; i < kServices; ++i)
        ASSERT_EQ(slots(i), 0U) << i;
}

TEST_F(TablesState, SettingsHoldTheSnatPoolAndKeepWhatIsNotConfigured) {
    load(kEverything);
    value_of(tables().write_backend_flows({0, 1}, {5, 6}));
    const weir_settings before = value_of(tables().settings());
    EXPECT_EQ(before.abi, static_cast<std::uint32_t>(WEIR_ABI));
    EXPECT_EQ(before.snat_port_first, 30000);
    EXPECT_EQ(before.snat_ports, 100);
    EXPECT_EQ(before.snat_v4, 1);
    EXPECT_EQ(before.snat_v6, 1);
    EXPECT_GT(before.counted_at, 0U);

    Config config = path().config();
    config.snat = SnatConfig{{{*Address::parse("198.51.100.2")}}, {1024, 65535}};
    config.timeouts.udp = std::chrono::seconds(7);
    value_of(tables().write_settings(config));
    const weir_settings after = value_of(tables().settings());
    EXPECT_EQ(after.udp_s, 7U);
    EXPECT_EQ(after.snat_ports, 64512);
    EXPECT_EQ(after.snat_v4, 1);
    EXPECT_EQ(after.snat_v6, 0);
    EXPECT_EQ(after.counted_at, before.counted_at);
}

// The flows outlive the services, and their packets are looked for.
TEST_F(TablesState, SettingsRememberThatFlowsMayChangeTheirFamily) {
    load(kLess);
    const auto changes = [&](const std::string &yaml) {
        value_of(tables().write_settings(value_of(parse_config(yaml, "test.yaml"))));
        return value_of(tables().settings()).changes_family;
    };
    EXPECT_EQ(changes(kLess), 0);
    EXPECT_EQ(changes(kEverything), 1);
    EXPECT_EQ(changes(kLess), 1);
}

TEST_F(TablesState, EveryDropReasonAndIcmpEventHasANameOfItsOwn) {
    std::set<std::string_view> names;
    for (std::uint8_t reason = 0; reason < WEIR_DROP_REASONS; ++reason)
        names.insert(drop_reason_name(reason));
    EXPECT_EQ(names.size(), static_cast<std::size_t>(WEIR_DROP_REASONS));
    EXPECT_EQ(names.count("none"), 0U);
    EXPECT_EQ(drop_reason_name(WEIR_DROP_SNAT_EXHAUSTED), "snat_exhausted");
    EXPECT_EQ(drop_reason_name(WEIR_DROP_NOT_TRANSLATABLE), "not_translatable");
    EXPECT_EQ(icmp_event_name(WEIR_ICMP_SENT), "sent");
}

// As /proc tells of each descriptor, bytes.
std::uint64_t memory_of(const Fd &map) {
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", map.get()));
    for (std::string word; info >> word;)
        if (word == "memlock:" && info >> word)
            return std::stoull(word);
    ADD_FAILURE() << "a map's memory is not told";
    return 0;
}

// What `weir doctor` compares with the memory that is left.
class TablesMemory : public TablesTest, public testing::WithParamInterface<const char *> {};

TEST_P(TablesMemory, IsWhatTheKernelSays) {
    utsname system{};
    uname(&system);
    if (std::string_view(system.release).starts_with("6.1."))
        GTEST_SKIP() << "Linux " << system.release << " leaves buckets out of what it tells";
    load(fmt::format(R"(
services: [{{name: web, vip: 192.0.2.10, port: 80, protocol: tcp, backends: [{{address: 198.51.100.11, port: 80}}]}}]
limits: {{flows: 5000, new_flows: 3000, services: 16, backends: 16}}
{})",
                     GetParam()));
    std::uint64_t bytes = 0;
    for (const char *map : {"flows_v4", "flows_new_v4", "flows_v6", "flows_new_v6"})
        bytes += memory_of(path().map(map));
    if (path().config().limits.accounts)
        bytes += memory_of(path().map("accounts_v4")) + memory_of(path().map("accounts_v6"));
    const std::uint64_t ours = flow_tables_bytes(path().config().limits);
    EXPECT_LE(ours, bytes);
    EXPECT_GE(ours, bytes - bytes / 100) << "of " << bytes;
}

INSTANTIATE_TEST_SUITE_P(, TablesMemory, testing::Values("", "flow_log: {file: /dev/null}"),
                         [](const auto &test) {
                             return test.index == 0 ? "Flows" : "AccountsToo";
                         });

// The layout of what is written, as the programs understand it.
class TablesPolicy : public TablesTest {
  protected:
    std::uint8_t reason(const char *source, const char *destination = "192.0.2.10:80") {
        return run(source, destination).trace.reason;
    }
};

TEST_F(TablesPolicy, TheLongestPrefixDecidesAndTheRestIsDenied) {
    load(kEverything);
    EXPECT_EQ(reason("203.0.113.127:1000"), WEIR_DROP_NONE);
    EXPECT_EQ(reason("203.0.113.128:1000"), WEIR_DROP_SOURCE_DENIED);
    EXPECT_EQ(reason("203.0.114.1:1000"), WEIR_DROP_SOURCE_DENIED);
    EXPECT_EQ(reason("[2001:db8:bad::1]:1000", "[2001:db8::10]:80"), WEIR_DROP_SOURCE_DENIED);
    EXPECT_EQ(reason("[2001:db8:900d::1]:1000", "[2001:db8::10]:80"), WEIR_DROP_NONE);
}

TEST_F(TablesPolicy, LimitsAreThoseOfTheirOwnKind) {
    load(kEverything);
    int source = 0;
    int service = 0;
    for (int client = 1; client <= 3; ++client) {
        for (int port = 1; port <= 25; ++port) {
            const auto from = fmt::format("203.0.113.{}:{}", client, 1000 + port);
            const auto dropped = reason(from.c_str());
            source += dropped == WEIR_DROP_SOURCE_RATE ? 1 : 0;
            service += dropped == WEIR_DROP_SERVICE_RATE ? 1 : 0;
        }
    }
    EXPECT_EQ(source, 5 * 3) << "20 of each client's 25 pass that limit";
    EXPECT_GT(service, 0) << "and 30 of those 60 the other";
}

TEST_F(TablesPolicy, AFlowThatIsTranslatedWhollyTellsItsSource) {
    load(kEverything);
    EXPECT_EQ(reason("[2001:db8:900d::1]:1000", "[2001:db8::10]:80"), WEIR_DROP_NONE);
    EXPECT_EQ(reason("203.0.113.1:1000"), WEIR_DROP_NONE);
    auto seen = flows();
    ASSERT_EQ(seen.size(), 2U);
    std::sort(seen.begin(), seen.end(),
              [](const Flow &a, const Flow &b) { return a.client < b.client; });
    EXPECT_EQ(seen[0].client.to_string(), "203.0.113.1:1000");
    EXPECT_FALSE(seen[0].snat) << seen[0].snat->to_string();
    EXPECT_EQ(seen[1].client.to_string(), "[2001:db8:900d::1]:1000");
    EXPECT_EQ(seen[1].vip.to_string(), "[2001:db8::10]:80");
    ASSERT_TRUE(seen[1].snat);
    EXPECT_EQ(seen[1].snat->address.is_v4(), seen[1].backend.address.is_v4());
    EXPECT_EQ(seen[1].snat->address.to_string(),
              seen[1].backend.address.is_v4() ? "198.51.100.1" : "2001:db8:1::1");
    EXPECT_TRUE((PortRange{30000, 30099}.contains(seen[1].snat->port)));
}

}  // namespace
}  // namespace weir::test
