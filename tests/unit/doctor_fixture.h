// A host and a configuration of which the doctor has nothing to say.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "lb/doctor/checks.h"
#include "lb/doctor/doctor.h"

namespace weir {

inline constexpr const char *kConfig = R"(
interfaces: [{name: eth0, hook: xdp}, {name: eth1, hook: xdp}]
services:
  - {name: web, vip: 203.0.113.10, port: 80, protocol: tcp,
     backends: [{address: 192.0.2.11, port: 8080}]}
  - {name: nat, vip: 203.0.113.11, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 192.0.2.12, port: 8080}]}
snat: {addresses: [192.0.2.1], ports: 20000-29999}
sockets: {cgroup: system.slice/web.service}
instance: a
)";

inline LinkFacts healthy_link(const std::string &name) {
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

inline HostFacts healthy() {
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
    host.socket_path = SocketFacts{.cgroup_mount = "/sys/fs/cgroup",
                                   .cgroup = "/sys/fs/cgroup/system.slice/web.service",
                                   .exists = true,
                                   .ends_sockets = true};
    return host;
}

inline Config config_of(const std::string &text = kConfig) {
    auto config = parse_config(text, "<string>");
    EXPECT_TRUE(config) << config.error().message;
    return std::move(*config);
}

inline Findings complaints(const Findings &findings) {
    Findings left;
    std::copy_if(findings.begin(), findings.end(), std::back_inserter(left), is_complaint);
    return left;
}

}  // namespace weir
