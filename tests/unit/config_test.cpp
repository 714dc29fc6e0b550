#include "lb/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "tests/support/temp.h"

namespace weir {
namespace {

const std::string kReferenceFile = WEIR_SOURCE_DIR "/deploy/weir.yaml";

// Every value of a configuration, without the places where they stood.
auto values(const InterfaceConfig &interface) {
    return std::tie(interface.name, interface.hook, interface.xdp_mode);
}
auto values(const BackendConfig &backend) {
    return std::tie(backend.endpoint, backend.weight);
}
auto values(const ServiceConfig &service) {
    return std::tie(service.name, service.vip, service.protocol, service.mode, service.scheduler,
                    service.session_affinity, service.announce, service.limits);
}
auto values(const Config &config) {
    const Limits &limits = config.limits;
    const Timeouts &timeouts = config.timeouts;
    return std::tie(config.instance, limits.flows, limits.new_flows, limits.services,
                    limits.backends, timeouts.tcp_established, timeouts.tcp_transitory,
                    timeouts.tcp_new, timeouts.udp, config.metrics, config.api_socket,
                    config.replay.mac, config.snat.ports);
}

std::vector<std::string> texts(const std::vector<SourceRange> &ranges) {
    std::vector<std::string> result;
    result.reserve(ranges.size());
    for (const SourceRange &range : ranges)
        result.push_back(range.to_string());
    return result;
}

std::vector<Address> addresses(const SnatConfig &snat) {
    std::vector<Address> result;
    result.reserve(snat.addresses.size());
    for (const SnatAddress &one : snat.addresses)
        result.push_back(one.address);
    return result;
}

void expect_equal(const ServiceConfig &left, const ServiceConfig &right) {
    EXPECT_EQ(values(left), values(right));
    EXPECT_EQ(texts(left.source_ranges), texts(right.source_ranges));
    ASSERT_EQ(left.backends.size(), right.backends.size());
    for (std::size_t i = 0; i < left.backends.size(); ++i)
        EXPECT_EQ(values(left.backends[i]), values(right.backends[i]));
}

void expect_equal(const Config &left, const Config &right) {
    EXPECT_EQ(values(left), values(right));
    EXPECT_EQ(addresses(left.snat), addresses(right.snat));
    ASSERT_EQ(left.interfaces.size(), right.interfaces.size());
    for (std::size_t i = 0; i < left.interfaces.size(); ++i)
        EXPECT_EQ(values(left.interfaces[i]), values(right.interfaces[i]));
    ASSERT_EQ(left.services.size(), right.services.size());
    for (std::size_t i = 0; i < left.services.size(); ++i)
        expect_equal(left.services[i], right.services[i]);
}

Config parsed_well(const std::string &text) {
    auto config = parse_config(text, "<string>");
    EXPECT_TRUE(config) << config.error().message << '\n' << text;
    return config.value_or(Config{});
}

void expect_round_trip(const Config &config) {
    const std::string text = to_yaml(config);
    const Config again = parsed_well(text);
    expect_equal(config, again);
    EXPECT_EQ(to_yaml(again), text);
}

// Design section 6, without what this version does not support.
const std::string kSample = R"(# /etc/weir/weir.yaml
interfaces:
  - name: eth0
    hook: auto            # xdp | tc | auto
    xdp_mode: native      # native | generic | offload
services:
  - name: web
    vip: 192.0.2.10
    port: 443
    protocol: tcp
    mode: dnat            # dnat | fullnat
    scheduler: maglev
    announce: address
    session_affinity: {timeout: 10m}
    source_ranges: [0.0.0.0/0, "!203.0.113.0/24"]
    limits: {new_flows_per_second: 5000, new_flows_per_second_per_source: 50, flows_per_backend: 9}
    backends:
      - {address: 198.51.100.11, port: 8443, weight: 7}
      - {address: 198.51.100.12, port: 8443}
  - name: dns
    vip: 192.0.2.10
    port: 53
    protocol: udp
    mode: fullnat
    backends: [{address: 198.51.100.21, port: 53}, {address: "2001:db8::21", port: 53}]
snat:
  addresses: [198.51.100.1, "2001:db8::1"]
  ports: 1024-65535
limits: {flows: 2097152, new_flows: 1000}
timeouts: {tcp_established: 1d, tcp_transitory: 3m, tcp_new: 10s, udp: 90s}
metrics: {listen: 127.0.0.1:9470}
api: {socket: /run/weir/other.sock}
replay: {mac: "02:00:00:00:00:aa"}
instance: blue-1
)";

TEST(Config, ReadsEveryValueOfTheSample) {
    const Config config = parsed_well(kSample);
    ASSERT_EQ(config.interfaces.size(), 1U);
    EXPECT_EQ(values(config.interfaces[0]), std::tuple("eth0", Hook::automatic, XdpMode::native));
    EXPECT_EQ(config.interfaces[0].mark.line, 3);
    EXPECT_EQ(config.interfaces[0].mark.column, 5);
    ASSERT_EQ(config.services.size(), 2U);
    using std::chrono::seconds;
    EXPECT_EQ(
        values(config.services[0]),
        std::tuple("web", *Endpoint::parse("192.0.2.10:443"), Protocol::tcp, Mode::dnat,
                   Scheduler::maglev, seconds(600), Announce::address, ServiceLimits{5000, 50, 9}));
    EXPECT_THAT(texts(config.services[0].source_ranges),
                testing::ElementsAre("0.0.0.0/0", "!203.0.113.0/24"));
    ASSERT_EQ(config.services[0].backends.size(), 2U);
    EXPECT_EQ(values(config.services[0].backends[0]),
              std::tuple(*Endpoint::parse("198.51.100.11:8443"), 7U));
    EXPECT_EQ(config.services[0].backends[1].weight, 100U);
    EXPECT_EQ(values(config.services[1]),
              std::tuple("dns", *Endpoint::parse("192.0.2.10:53"), Protocol::udp, Mode::fullnat,
                         Scheduler::maglev, seconds(0), Announce::none, ServiceLimits{}));
    EXPECT_THAT(config.services[1].source_ranges, testing::IsEmpty());
    EXPECT_THAT(addresses(config.snat), testing::ElementsAre(*Address::parse("198.51.100.1"),
                                                             *Address::parse("2001:db8::1")));
    EXPECT_EQ(values(config),
              std::tuple("blue-1", 2097152U, 1000U, 4096U, 16384U, seconds(86400), seconds(180),
                         seconds(10), seconds(90), Endpoint::parse("127.0.0.1:9470"),
                         "/run/weir/other.sock", *MacAddress::parse("02:00:00:00:00:aa"),
                         PortRange{1024, 65535}));
}

TEST(Config, FillsDefaultsInAndNeedsNoInterface) {
    const Config config = parsed_well("services: []");
    Config defaults;
    expect_equal(config, defaults);
    EXPECT_EQ(config.file, "<string>");
    EXPECT_FALSE(config.metrics);
}

TEST(Config, ReadsEveryHookAndXdpMode) {
    const Config config = parsed_well(
        "services: []\n"
        "interfaces:\n"
        "  - {name: a, hook: xdp, xdp_mode: generic}\n"
        "  - {name: b, hook: tc, xdp_mode: offload}\n");
    EXPECT_EQ(values(config.interfaces[0]), std::tuple("a", Hook::xdp, XdpMode::generic));
    EXPECT_EQ(values(config.interfaces[1]), std::tuple("b", Hook::tc, XdpMode::offload));
    expect_round_trip(config);
}

TEST(Config, AcceptsWhatOnlyLooksLikeAClash) {
    parsed_well(R"(
services:
  - {name: a, vip: 192.0.2.1, port: 53, protocol: tcp, backends: [{address: 192.0.2.2, port: 53}]}
  - {name: b, vip: 192.0.2.1, port: 53, protocol: udp, backends: [{address: 192.0.2.2, port: 53}]}
  - {name: c, vip: 192.0.2.1, port: 54, protocol: tcp, backends: [{address: 192.0.2.1, port: 55}]}
  - {name: d, vip: 192.0.2.9, port: 9, protocol: udp, backends: [{address: 192.0.2.1, port: 54}]}
)");
}

TEST(Config, AcceptsTheExtremes) {
    const std::string socket = "/" + std::string(106, 's');
    const Config config = parsed_well(R"(
instance: )" + std::string(31, 'i') +
                                      R"(
interfaces: [{name: fifteen-bytes15}]
services:
  - name: )" + std::string(63, 'n') +
                                      R"(
    vip: 192.0.2.1
    port: 65535
    protocol: tcp
    backends: [{address: 192.0.2.2, port: 1, weight: 65535}, {address: 192.0.2.2, port: 2, weight: 0}]
limits: {flows: 67108864, new_flows: 1, services: 1, backends: 2}
api: {socket: )" + socket + "}\n");
    EXPECT_EQ(config.api_socket, socket);
    expect_round_trip(config);
}

TEST(Config, RoundTrips) {
    expect_round_trip(parsed_well(kSample));
    expect_round_trip(parsed_well("services: []"));
    auto reference = load_config(kReferenceFile);
    ASSERT_TRUE(reference) << reference.error().message;
    expect_round_trip(*reference);
}

TEST(Config, RoundTripsNamesThatYamlWouldReadOtherwise) {
    for (const char *name : {"null", "true", "---", "1e3", "-", ".", "..."}) {
        Config config = parsed_well(kSample);
        config.services[0].name = name;
        expect_round_trip(config);
    }
    for (const char *name : {"null", "~", "#eth", "a\\n", "\"", "'", "&a", "*a", "{}", "%1", "!"}) {
        Config config = parsed_well(kSample);
        config.interfaces[0].name = name;
        config.api_socket = std::string("/run/a b: ") + name;
        expect_round_trip(config);
    }
}

TEST(Config, TheReferenceFileLoadsAndShowsTheDefaults) {
    const auto config = load_config(kReferenceFile);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->file, kReferenceFile);
    EXPECT_EQ(config->interfaces.size(), 1U);
    EXPECT_EQ(config->services.size(), 2U);
    Config defaults;
    defaults.metrics = config->metrics;
    EXPECT_EQ(values(*config), values(defaults));
}

TEST(Config, TheReferenceFileNamesEveryKeyThatIsPrinted) {
    const std::string reference = test::read_file(kReferenceFile);
    for (const char *key : {"interfaces:",
                            "name:",
                            "hook:",
                            "xdp_mode:",
                            "services:",
                            "vip:",
                            "port:",
                            "protocol:",
                            "mode:",
                            "scheduler:",
                            "backends:",
                            "address:",
                            "weight:",
                            "limits:",
                            "flows:",
                            "new_flows:",
                            "timeouts:",
                            "tcp_established:",
                            "tcp_transitory:",
                            "tcp_new:",
                            "udp:",
                            "metrics:",
                            "listen:",
                            "api:",
                            "socket:",
                            "replay:",
                            "mac:",
                            "instance:",
                            "snat:",
                            "addresses:",
                            "ports:",
                            "announce:",
                            "session_affinity:",
                            "source_ranges:",
                            "new_flows_per_second:",
                            "new_flows_per_second_per_source:",
                            "flows_per_backend:"})
        EXPECT_THAT(reference, testing::HasSubstr(key));
}

}  // namespace
}  // namespace weir
