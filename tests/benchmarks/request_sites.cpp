#include "tests/benchmarks/request_sites.h"

#include <fmt/format.h>

namespace weir::test {

RequestSite::RequestSite(Way way) : way_(way) {
    target_.client.netns = local() ? &world_.weir : &world_.client_host;
    set_up_links();
    servers_.emplace(world_.one, world_.at_one.address);
    set_up();
}

// As the kernel makes veths, for XDP as it needs them; and ports for many connections.
void RequestSite::set_up_links() {
    if (way_ != Way::weir_xdp) {
        world_.offload();
        for (const auto *link : {"lb0", "lb1"})
            world_.weir.command(fmt::format("ethtool -K {} tx on tso on gso on", link));
    }
    for (const auto *host : {&world_.client_host, &world_.weir})
        host->sysctl("net/ipv4/ip_local_port_range", "10000 65535");
    // programs on Weir's host need a route to the VIP
    world_.weir.command(fmt::format("ip route add default via {} src {}", world_.client.to_string(),
                                    world_.one_side.to_string()));
}

void RequestSite::set_up() {
    switch (way_) {
        case Way::link:
            return use_link();
        case Way::direct:
        case Way::local_direct:
            return use_backend();
        case Way::weir_xdp:
            return run_weir("xdp");
        case Way::weir_tc:
        case Way::local_packets:
            return run_weir("tc");
        case Way::nftables:
            return translate_by_nftables();
        case Way::haproxy:
        case Way::local_haproxy:
            return run_proxy(Proxy::Kind::haproxy);
        case Way::nginx:
            return run_proxy(Proxy::Kind::nginx);
        case Way::local_sockets:
            return run_sockets();
    }
}

// The backend keeps its address; the client reaches it over a link of their own.
void RequestSite::use_link() {
    connect(world_.client_host, "eth1", world_.one, "eth1");
    for (const auto *host : {&world_.client_host, &world_.one})
        host->command("ethtool -K eth1 tx on tso on gso on");
    world_.client_host.command("ip addr add 203.0.113.65/26 dev eth1");
    world_.one.command("ip addr add 203.0.113.66/26 dev eth1");
    world_.client_host.command(fmt::format("ip route add {} via 203.0.113.66 src 203.0.113.65",
                                           world_.at_one.address.to_string()));
    use_backend();
}

void RequestSite::use_backend() {
    target_.address = world_.at_one.address;
    target_.web = kBackendWeb;
}

void RequestSite::use_vip() {
    target_.address = world_.vip_tcp.address;
    target_.web = world_.vip_tcp.port;
}

std::string RequestSite::services() const {
    const auto service = [&](const char *name, int port, const char *protocol, int backend_port) {
        return fmt::format(
            "  - {{name: {}, vip: {}, port: {}, protocol: {}, "
            "backends: [{{address: {}, port: {}}}]}}\n",
            name, world_.vip_tcp.address.to_string(), port, protocol,
            world_.at_one.address.to_string(), backend_port);
    };
    return "services:\n" + service("web", world_.vip_tcp.port, "tcp", kBackendWeb) +
           service("bulk", kIperfPort, "tcp", kIperfPort) +
           service("dns", kDnsPort, "udp", kDnsPort) +
           "limits: {flows: 131072, new_flows: 65536}\n";
}

void RequestSite::run_weir(const std::string &hook) {
    use_vip();
    daemon_.emplace(
        world_.weir, (local() ? "local-" : "requests-") + hook,
        fmt::format("interfaces: [{{name: lb0, hook: {0}}}, {{name: lb1, hook: {0}}}]\n", hook) +
            services());
}

void RequestSite::run_sockets() {
    use_vip();
    cgroup_ = std::make_unique<TestCgroup>();
    target_.client.cgroup = cgroup_->path();
    daemon_.emplace(
        world_.weir, "local-sockets",
        "interfaces: []\n" + services() + "sockets: {cgroup: " + cgroup_->name() + "}\n");
}

void RequestSite::translate_by_nftables() {
    use_vip();
    const auto vip = world_.vip_tcp.address.to_string();
    const auto rule = [&](const char *protocol, int port, int backend_port) {
        return fmt::format("    ip daddr {} {} dport {} dnat to {}:{}\n", vip, protocol, port,
                           world_.at_one.address.to_string(), backend_port);
    };
    nftables(world_.weir,
             "table ip nat {\n  chain in {\n    type nat hook prerouting priority dstnat;\n" +
                 rule("tcp", world_.vip_tcp.port, kBackendWeb) +
                 rule("tcp", kIperfPort, kIperfPort) + rule("udp", kDnsPort, kDnsPort) +
                 "  }\n}\n");
}

void RequestSite::run_proxy(Proxy::Kind kind) {
    use_vip();
    proxy_.emplace(kind, world_.weir, world_.vip_tcp, world_.at_one.address);
}

}  // namespace weir::test
