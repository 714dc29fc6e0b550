// The checks of the doctor as a table: a healthy host, one thing changed, what is said of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/doctor_fixture.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

struct FindingRow {
    const char *name;
    std::function<void(HostFacts &)> change;
    const char *check;
    const char *subject;
    Severity severity;
    const char *remedy;  // a part of it
};

const OpenSocket kOnSnatPort{Protocol::udp, {Address::v4(0, 0, 0, 0), 20053}};
const OpenSocket kOnVipPort{Protocol::tcp, {Address(), 80}};

const FindingRow kFindingRows[] = {
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
    {"LittleMemory", [](auto &h) { h.memory_available = 150U << 20; }, "memory", "", Severity::fail,
     "limits.flows"},
    {"ScarceMemory", [](auto &h) { h.memory_available = 300U << 20; }, "memory", "", Severity::warn,
     "limits.flows"},
    {"SmallFlowTables", [](auto &h) { h.cpus = 257; }, "flow_tables", "", Severity::warn,
     "limits.new_flows to 65792"},
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
    {"FileAtTheSocketPath", [](auto &h) { h.api_socket = SocketFound::other_file; }, "api_socket",
     "/run/weir/weir.sock", Severity::fail, "rm /run/weir/weir.sock"},
    {"OtherDaemonAtTheSocket", [](auto &h) { h.api_socket = SocketFound::served; }, "api_socket",
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
    {"NoCgroup2", [](auto &h) { h.socket_path->cgroup_mount = h.socket_path->cgroup = ""; },
     "cgroup", "", Severity::fail, "mount -t cgroup2 cgroup2 /sys/fs/cgroup"},
    {"NoCgroup2BesideV1",
     [](auto &h) {
         h.socket_path->cgroup_mount = h.socket_path->cgroup = "";
         h.socket_path->cgroup_v1 = true;
     },
     "cgroup", "", Severity::fail, "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified"},
    {"NoFolderOfCgroup2",
     [](auto &h) { h.socket_path->trouble = h.socket_path->cgroup + " is no folder of cgroup v2"; },
     "cgroup", "/sys/fs/cgroup/system.slice/web.service", Severity::fail,
     "set sockets.cgroup to a folder below /sys/fs/cgroup"},
    {"CgroupOfAServiceThatIsStopped", [](auto &h) { h.socket_path->exists = false; },
     "missing_cgroup", "/sys/fs/cgroup/system.slice/web.service", Severity::warn,
     "systemctl start web.service"},
    {"CgroupThatNobodyMade",
     [](auto &h) {
         h.socket_path->exists = false;
         h.socket_path->cgroup = "/sys/fs/cgroup/web";
     },
     "missing_cgroup", "/sys/fs/cgroup/web", Severity::warn, "mkdir -p /sys/fs/cgroup/web"},
    {"SocketsThatCannotBeEnded", [](auto &h) { h.socket_path->ends_sockets = false; },
     "end_sockets", "", Severity::warn, "apt install linux-image"},
};

class Doctor : public testing::TestWithParam<FindingRow> {};

TEST_P(Doctor, FindsItAndNamesTheRemedy) {
    const FindingRow &row = GetParam();
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

INSTANTIATE_TEST_SUITE_P(Row, Doctor, testing::ValuesIn(kFindingRows),
                         [](const auto &instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace weir
