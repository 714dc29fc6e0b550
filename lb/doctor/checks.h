// The checks: pure functions of facts and of the configuration that they are judged by.
#pragma once

#include "lb/config/config.h"
#include "lb/doctor/facts.h"
#include "lb/doctor/finding.h"

namespace weir {

// `config` null: no configuration, only what is true of every host.
struct Patient {
    const HostFacts &host;
    const Config *config = nullptr;

    // Whether `family` (IPv4: true) is served; every family, without a configuration.
    bool serves(bool v4) const;
};

// Each adds a finding per thing it looked at.
void check_kernel(const Patient &patient, Findings &findings);        // kernel, btf, bpf_jit, bpffs
void check_privileges(const Patient &patient, Findings &findings);    // capabilities, memlock
void check_memory(const Patient &patient, Findings &findings);        // memory
void check_flow_tables(const Patient &patient, Findings &findings);   // flow_tables
void check_conntrack(const Patient &patient, Findings &findings);     // conntrack
void check_instances(const Patient &patient, Findings &findings);     // pins, api_socket
void check_forwarding(const Patient &patient, Findings &findings);    // forwarding
void check_reverse_path(const Patient &patient, Findings &findings);  // rp_filter
void check_links(const Patient &patient,
                 Findings &findings);  // missing_interface, interface, native_xdp, queues
void check_mtu(const Patient &patient, Findings &findings);       // mtu
void check_offloads(const Patient &patient, Findings &findings);  // lro, gro_hw, rxvlan, veth_peer
void check_snat(const Patient &patient, Findings &findings);      // snat_ports, local_ports
void check_vips(const Patient &patient, Findings &findings);      // vip, vip_listener
void check_routes(const Patient &patient, Findings &findings);    // backend
void check_sockets(const Patient &patient,
                   Findings &findings);  // cgroup, missing_cgroup, end_sockets

// All of them.
Findings diagnose(const HostFacts &host, const Config *config);

// "sysctl -w net.ipv4.conf.eth0.rp_filter=2"; right for interfaces with a dot in their name.
std::string sysctl_command(const std::string &path, const std::string &value);

}  // namespace weir
