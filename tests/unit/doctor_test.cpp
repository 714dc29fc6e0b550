// The checks of the doctor as a table: a healthy host, one thing changed, what is said of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "lb/doctor/checks.h"
#include "lb/doctor/doctor.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char *kConfig = R"(
interfaces: [{name: eth0, hook: xdp}, {name: eth1, hook: xdp}]
services:
  - {name: web, vip: 203.0.113.10, port: 80, protocol: tcp,
     backends: [{address: 192.0.2.11, port: 8080}]}
  - {name: nat, vip: 203.0.113.11, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 192.0.2.12, port: 8080}]}
snat: {addresses: [192.0.2.1], ports: 20000-29999}
instance: a
)";

LinkFacts healthy_link(const std::string &name) {
    LinkFacts link;
    link.name = name;
    link.exists = link.up = true;
    link.mtu = 1500;
    link.driver = "ixgbe";
    link.takes_xdp = true;
    link.native_xdp = true;
    link.features = {{"rx-lro", {false, false}},
                     {"rx-gro-hw", {false, false}},
                     {"rx-vlan-hw-parse", {true, false}}};
    link.rx_queues = link.most_rx_queues = 4;
    link.rp_filter = 0;
    link.forwarding_v4 = link.forwarding_v6 = 1;
    return link;
}

HostFacts healthy() {
    HostFacts host;
    host.kernel = {6, 1};
    host.kernel_release = "6.1.0";
    host.btf = host.bpffs = true;
    host.bpf_jit = 1;
    host.cpus = 4;
    host.memory_available = std::uint64_t{8} << 30;
    host.capabilities = ~std::uint64_t{0};
    host.forwarding_v4 = host.forwarding_v6 = 1;
    host.addresses = {{Address::v4(198, 51, 100, 1), 24, "eth0"},
                      {Address::v4(192, 0, 2, 1), 24, "eth1"}};
    host.default_routes = {"eth0"};
    host.links = {healthy_link("eth0"), healthy_link("eth1")};
    host.routes = {{Address::v4(192, 0, 2, 11), "eth1", false, std::nullopt, Neighbour::resolved},
                   {Address::v4(192, 0, 2, 12), "eth1", false, std::nullopt, Neighbour::none}};
    return host;
}

Config config_of(const std::string &text = kConfig) {
    auto config = parse_config(text, "<string>");
    EXPECT_TRUE(config) << config.error().message;
    return std::move(*config);
}

Findings complaints(const Findings &findings) {
    Findings left;
    std::copy_if(findings.begin(), findings.end(), std::back_inserter(left), is_complaint);
    return left;
}

struct Row {
    const char *name;
    std::function<void(HostFacts &)> change;
    const char *check;
    const char *subject;
    Severity severity;
    const char *remedy;  // a part of it
};

const OpenSocket kOnSnatPort{Protocol::udp, {Address::v4(0, 0, 0, 0), 20053}};
const OpenSocket kOnVipPort{Protocol::tcp, {Address(), 80}};

const Row kRows[] = {
    {"OldKernel",
     [](auto &h) {
         h.kernel = {5, 15};
     },
     "kernel", "", Severity::fail, "apt install linux-image"},
    {"NoBtf", [](auto &h) { h.btf = false; }, "btf", "", Severity::warn, "apt install"},
    {"JitOff", [](auto &h) { h.bpf_jit = 0; }, "bpf_jit", "", Severity::fail,
     "sysctl -w net.core.bpf_jit_enable=1"},
    {"NoBpffs", [](auto &h) { h.bpffs = false; }, "bpffs", "", Severity::warn,
     "mount -t bpf bpf /sys/fs/bpf"},
    {"NoCapabilities", [](auto &h) { h.capabilities = 0; }, "capabilities", "", Severity::fail,
     "sudo"},
    {"LittleMemory", [](auto &h) { h.memory_available = 200U << 20; }, "memory", "", Severity::fail,
     "limits.flows"},
    {"ScarceMemory", [](auto &h) { h.memory_available = 300U << 20; }, "memory", "", Severity::warn,
     "limits.flows"},
    {"SmallConntrack",
     [](auto &h) {
         h.conntrack = Conntrack{65536, 1};
     },
     "conntrack", "", Severity::warn, "sysctl -w net.netfilter.nf_conntrack_max=262144"},
    {"PinsWithoutDaemon",
     [](auto &h) {
         h.instances = {{"b", false}};
     },
     "pins", "b", Severity::warn, "weir detach --instance b"},
    {"FileAtTheSocketPath", [](auto &h) { h.api_socket = SocketPath::other_file; }, "api_socket",
     "/run/weir/weir.sock", Severity::fail, "rm /run/weir/weir.sock"},
    {"OtherDaemonAtTheSocket", [](auto &h) { h.api_socket = SocketPath::served; }, "api_socket",
     "/run/weir/weir.sock", Severity::fail, "ss -lxp"},
    {"NoForwarding", [](auto &h) { h.forwarding_v4 = 0; }, "forwarding", "IPv4", Severity::fail,
     "sysctl -w net.ipv4.ip_forward=1"},
    {"NoForwardingOnOne", [](auto &h) { h.links[1].forwarding_v4 = 0; }, "forwarding", "eth1",
     Severity::fail, "sysctl -w net.ipv4.conf.eth1.forwarding=1"},
    {"StrictReversePath", [](auto &h) { h.links[1].rp_filter = 1; }, "rp_filter", "eth1",
     Severity::warn, "sysctl -w net.ipv4.conf.eth1.rp_filter=2"},
    {"StrictWhereNoRouteLeaves",
     [](auto &h) {
         h.links[0].rp_filter = 1;
         h.default_routes = {};
     },
     "rp_filter", "eth0", Severity::fail, "sysctl -w net.ipv4.conf.eth0.rp_filter=2"},
    {"MissingInterface", [](auto &h) { h.links[1] = LinkFacts{.name = "eth1"}; },
     "missing_interface", "eth1", Severity::warn, "ip link show"},
    {"InterfaceDown", [](auto &h) { h.links[0].up = false; }, "interface", "eth0", Severity::fail,
     "ip link set eth0 up"},
    {"NoNativeXdp", [](auto &h) { h.links[0].native_xdp = false; }, "native_xdp", "eth0",
     Severity::fail, "`xdp_mode: generic`"},
    {"FewQueues", [](auto &h) { h.links[0].rx_queues = 1; }, "queues", "eth0", Severity::warn,
     "ethtool -L eth0 combined 4"},
    {"SmallerMtu", [](auto &h) { h.links[1].mtu = 1400; }, "mtu", "eth1", Severity::warn,
     "ip link set eth1 mtu 1500"},
    {"Lro", [](auto &h) { h.links[0].features["rx-lro"].on = true; }, "lro", "eth0", Severity::fail,
     "ethtool -K eth0 lro off"},
    {"LroThatCannotBeSwitched",
     [](auto &h) {
         h.links[0].features["rx-lro"] = {true, true};
     },
     "lro", "eth0", Severity::fail, "set `hook: tc` for eth0"},
    {"HardwareGro", [](auto &h) { h.links[0].features["rx-gro-hw"].on = true; }, "gro_hw", "eth0",
     Severity::fail, "ethtool -K eth0 rx-gro-hw off"},
    {"StrippedVlan", [](auto &h) { h.links[0].vlans = {"eth0.5"}; }, "rxvlan", "eth0",
     Severity::fail, "ethtool -K eth0 rxvlan off"},
    {"VethPeerLeavesChecksums",
     [](auto &h) {
         h.links[0].driver = "veth";
         h.links[0].peer = "p0";
         h.links[0].peer_features = {{"tx-checksum-ip-generic", {true, false}},
                                     {"rx-gro", {true, false}}};
     },
     "veth_peer", "eth0", Severity::fail, "ethtool -K p0 tx off"},
    {"VethPeerDoesNotPoll",
     [](auto &h) {
         h.links[0].driver = "veth";
         h.links[0].peer = "p0";
         h.links[0].peer_features = {{"rx-gro", {false, false}}};
     },
     "veth_peer", "eth0", Severity::fail, "ethtool -K p0 gro on"},
    {"SnatPortTaken", [](auto &h) { h.sockets = {kOnSnatPort}; }, "snat_ports", "20000-29999",
     Severity::fail, "ss -lnpu sport = :20053"},
    {"SnatTakesAllLocalPorts",
     [](auto &h) {
         h.local_ports = {20000, 30100};
     },
     "local_ports", "20000-29999", Severity::fail,
     "sysctl -w net.ipv4.ip_local_port_range=\"10000 19999\""},
    {"SnatPortsCannotBeReserved",
     [](auto &h) {
         h.local_ports = {20000, 60999};
         h.reserved_ports_writable = false;
     },
     "local_ports", "20000-29999", Severity::fail,
     "sysctl -w net.ipv4.ip_local_reserved_ports=20000-29999"},
    {"VipThatNobodyAnswersFor",
     [](auto &h) {
         h.addresses.push_back({Address::v4(203, 0, 113, 1), 24, "eth0"});
     },
     "vip", "203.0.113.10", Severity::fail, "ip addr add 203.0.113.10/32 dev eth0"},
    {"ListenerOnTheVip",
     [](auto &h) {
         h.addresses.push_back({Address::v4(203, 0, 113, 10), 32, "eth0"});
         h.sockets = {kOnVipPort};
     },
     "vip_listener", "web", Severity::warn, "ss -lnpt sport = :80"},
    {"NoRoute", [](auto &h) { h.routes[0].interface = ""; }, "backend", "192.0.2.11",
     Severity::fail, "ip route add 192.0.2.11 via"},
    {"DeadNeighbour", [](auto &h) { h.routes[0].neighbour = Neighbour::failed; }, "backend",
     "192.0.2.11", Severity::warn, "ping -c 1 -I eth1 192.0.2.11"},
};

class Doctor : public testing::TestWithParam<Row> {};

TEST_P(Doctor, FindsItAndNamesTheRemedy) {
    const Row &row = GetParam();
    auto host = healthy();
    row.change(host);
    const auto config = config_of();
    const auto found = complaints(diagnose(host, &config));
    const auto one = std::find_if(found.begin(), found.end(), [&](const auto &finding) {
        return finding.check == row.check && finding.subject == row.subject;
    });
    ASSERT_NE(one, found.end()) << show_findings(found);
    EXPECT_EQ(one->severity, row.severity) << show_findings(found);
    EXPECT_THAT(one->remedy, HasSubstr(row.remedy));
    EXPECT_THAT(one->why, testing::Not(IsEmpty()));
}

INSTANTIATE_TEST_SUITE_P(Row, Doctor, testing::ValuesIn(kRows),
                         [](const auto &instance) { return std::string(instance.param.name); });

TEST(DoctorOf, AHealthyHostHasNoComplaint) {
    const auto config = config_of();
    const auto findings = diagnose(healthy(), &config);
    EXPECT_THAT(complaints(findings), IsEmpty()) << show_findings(complaints(findings));
    EXPECT_GT(findings.size(), 20U);
    EXPECT_TRUE(is_healthy(findings));
}

TEST(DoctorOf, AHostWithoutConfigurationIsNotJudgedByOne) {
    auto host = healthy();
    host.links = {};
    host.forwarding_v6 = 0;
    const auto found = complaints(diagnose(host, nullptr));
    ASSERT_EQ(found.size(), 1U) << show_findings(found);
    EXPECT_EQ(found[0].severity, Severity::warn) << "it may serve no IPv6";
}

TEST(DoctorOf, WithoutAnyInterfaceNothingStarts) {
    auto host = healthy();
    for (auto &link : host.links)
        link.exists = false;
    const auto config = config_of();
    EXPECT_FALSE(is_healthy(diagnose(host, &config)));
}

TEST(DoctorOf, StrictReversePathHurtsNobodyWithOneArm) {
    auto host = healthy();
    host.links.pop_back();
    host.routes[0].interface = host.routes[1].interface = "eth0";
    host.rp_filter_all = 1;
    const auto config = config_of();
    EXPECT_THAT(complaints(diagnose(host, &config)), IsEmpty());
}

TEST(DoctorOf, LooseOnTheInterfaceWinsOverStrictForAll) {
    auto host = healthy();
    host.rp_filter_all = 1;
    for (auto &link : host.links)
        link.rp_filter = 2;
    const auto config = config_of();
    EXPECT_THAT(complaints(diagnose(host, &config)), IsEmpty()) << "so its remedy mends it";
}

TEST(DoctorOf, WithTcNoOffloadOfTheNicIsInTheWay) {
    auto host = healthy();
    for (auto &link : host.links) {
        link.takes_xdp = false;
        link.native_xdp = false;
        link.vlans = {"vlan5"};
        link.features["rx-gro-hw"].on = true;
    }
    const auto config = config_of();
    EXPECT_THAT(complaints(diagnose(host, &config)), IsEmpty());
}

TEST(DoctorOf, Ipv6BackendsOfIpv4ClientsWantALargerMtuTowardsThem) {
    auto text = std::string(kConfig);
    text.replace(text.find("192.0.2.12"), 10, "\"2001:db8::12\"");
    text.replace(text.find("[192.0.2.1]"), 11, "[192.0.2.1, \"2001:db8::1\"]");
    const auto config = config_of(text);
    auto host = healthy();
    host.routes[1] = {*Address::parse("2001:db8::12"), "eth1"};
    const auto found = complaints(diagnose(host, &config));
    ASSERT_EQ(found.size(), 1U) << show_findings(found);
    EXPECT_EQ(found[0].remedy, "ip link set eth1 mtu 1520");
    host.links[1].mtu = 1520;
    EXPECT_THAT(complaints(diagnose(host, &config)), IsEmpty()) << "so its remedy mends it";
}

TEST(DoctorOf, ItsOwnDaemonIsNotInTheWayOfItself) {
    auto host = healthy();
    host.instances = {{"a", true}};
    host.api_socket = SocketPath::served;
    const auto config = config_of();
    EXPECT_THAT(complaints(diagnose(host, &config)), IsEmpty());
}

TEST(DoctorText, SysctlTakesInterfacesWithADotInTheirName) {
    EXPECT_EQ(sysctl_command("net/ipv4/conf/eth0.5/rp_filter", "2"),
              "sysctl -w net/ipv4/conf/eth0.5/rp_filter=2");
    EXPECT_EQ(sysctl_command("net/ipv4/ip_forward", "1"), "sysctl -w net.ipv4.ip_forward=1");
}

TEST(DoctorText, ALineHasWhatWhyAndTheCommand) {
    const Finding finding{"lro", "eth0",     Severity::fail,
                          "on",  "it hurts", "ethtool -K eth0 lro off"};
    EXPECT_EQ(to_line(finding), "lro of eth0: on: it hurts (ethtool -K eth0 lro off)");
    EXPECT_EQ(show_findings({finding}),
              "fail  lro eth0: on\n      it hurts\n      => ethtool -K eth0 lro off\n"
              "0 ok, 0 skipped, 0 warnings, 1 failures\n");
}

TEST(DoctorText, JsonSaysTheSame) {
    const auto json = to_json({{"lro", "eth0", Severity::warn, "on", "why", "how"}});
    EXPECT_EQ(json["healthy"], true) << "a warning is no failure";
    EXPECT_EQ(json["findings"][0]["severity"], "warn");
    EXPECT_EQ(json["findings"][0]["remedy"], "how");
}

}  // namespace
}  // namespace weir
