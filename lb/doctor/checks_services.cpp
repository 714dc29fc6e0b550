// What the configuration takes of the host: VIPs and SNAT ports.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "lb/doctor/checks.h"

namespace weir {
namespace {

// Fewer than that and a busy host runs out: its own health checks take some.
constexpr std::size_t kEnoughLocalPorts = 1024;

std::size_t count(const PortSet &ports) {
    std::size_t all = 0;
    for (const auto &range : ports.ranges())
        all += std::size_t{range.last} - range.first + 1;
    return all;
}

void check_taken(const HostFacts &host, const SnatConfig &snat, Findings &findings) {
    std::vector<Address> addresses;
    for (const auto &one : snat.addresses)
        addresses.push_back(one.address);
    const auto range = snat.ports.to_string();
    for (const auto &socket : host.sockets) {
        if (!snat.ports.contains(socket.local.port) || !takes_packets_to(socket, addresses))
            continue;
        findings.push_back(
            {"snat_ports", range, Severity::fail,
             fmt::format("a program has {} port {} ({})", to_string(socket.protocol),
                         socket.local.port, socket.local.to_string()),
             "Weir does not start: stop the program that this shows, or choose other snat.ports",
             fmt::format("ss -lnp{} sport = :{}", socket.protocol == Protocol::tcp ? "t" : "u",
                         socket.local.port)});
        return;
    }
    findings.push_back({"snat_ports", range, Severity::ok, "no program has one", "", ""});
}

// Ports for a range of `size`, beside the SNAT range: below it if there is room.
PortRange beside(const PortRange &snat, unsigned size) {
    constexpr unsigned kFirst = 1024;
    const unsigned below = snat.first > kFirst ? snat.first - kFirst : 0;
    const unsigned above = 65535U - snat.last;
    if (below >= size || below >= above)
        return {static_cast<std::uint16_t>(snat.first - std::min(size, below)),
                static_cast<std::uint16_t>(snat.first - 1U)};
    return {static_cast<std::uint16_t>(snat.last + 1U),
            static_cast<std::uint16_t>(snat.last + std::min(size, above))};
}

void check_local(const Patient &patient, const PortRange &range, Findings &findings) {
    constexpr unsigned kNew = 10000;
    const auto &host = patient.host;
    const PortSet own({range});
    const PortSet local({host.local_ports});
    const std::size_t left = count(local - own - host.reserved_ports);
    const bool overlap = count(local - own) != count(local);
    const bool reserved = own - host.reserved_ports == PortSet();
    if (left < kEnoughLocalPorts && count(local) >= kEnoughLocalPorts)
        findings.push_back(
            {"local_ports", range.to_string(), Severity::fail,
             fmt::format("{} of net.ipv4.ip_local_port_range ({}) are left for programs", left,
                         host.local_ports.to_string()),
             "programs of this host, health checks among them, find no port for a connection",
             sysctl_command("net/ipv4/ip_local_port_range", [&] {
                 const auto other = beside(range, kNew);
                 return fmt::format("{} {}", other.first, other.last);
             }())});
    else if (overlap && !reserved && !host.reserved_ports_writable)
        findings.push_back(
            {"local_ports", range.to_string(), Severity::fail,
             "in net.ipv4.ip_local_port_range, not reserved, and that cannot be changed here",
             "a program gets a port that a flow has",
             sysctl_command("net/ipv4/ip_local_reserved_ports",
                            (host.reserved_ports | own).to_string())});
    else
        findings.push_back({"local_ports", range.to_string(), Severity::ok,
                            reserved  ? "reserved"
                            : overlap ? "reserved when Weir starts"
                                      : "apart from those of programs",
                            "", ""});
}

// The addresses of the host, for many questions.
class Addresses {
  public:
    explicit Addresses(const HostFacts &host) {
        for (const auto &one : host.addresses) {
            held_.emplace(one.address, &one);
            if (one.prefix < (one.address.is_v4() ? 32 : 128))
                networks_.push_back(&one);
        }
    }

    const HostAddress *holder(const Address &vip) const {
        const auto found = held_.find(vip);
        return found == held_.end() ? nullptr : found->second;
    }

    // The address whose network the VIP is in: neighbours ask for it there.
    const HostAddress *network_of(const Address &vip) const {
        const auto found =
            std::find_if(networks_.begin(), networks_.end(), [&](const HostAddress *one) {
                return Prefix{one->address, one->prefix}.contains(vip);
            });
        return found == networks_.end() ? nullptr : *found;
    }

  private:
    std::map<Address, const HostAddress *> held_;
    std::vector<const HostAddress *> networks_;
};

void check_vip(const Addresses &addresses, const ServiceConfig &service, Findings &findings) {
    const auto &vip = service.vip.address;
    const auto name = vip.to_string();
    const auto *held = addresses.holder(vip);
    const auto *network = addresses.network_of(vip);
    if (held != nullptr || service.announce == Announce::address)
        findings.push_back(
            {"vip", name, Severity::ok,
             held != nullptr ? "on " + held->interface : "announced when Weir starts", "", ""});
    else if (network != nullptr)
        findings.push_back(
            {"vip", name, Severity::fail,
             fmt::format("in the network of {}, and nobody here answers for it",
                         network->interface),
             fmt::format("neighbours ask for it and get no answer: `announce: address` for service "
                         "{}, or",
                         service.name),
             fmt::format("ip addr add {}/{} dev {}", name, vip.is_v4() ? 32 : 128,
                         network->interface)});
    else
        findings.push_back({"vip", name, Severity::ok, "brought here by routing", "", ""});
}

void check_listener(const HostFacts &host, const ServiceConfig &service, Findings &findings) {
    for (const auto &socket : host.sockets) {
        if (socket.protocol != service.protocol || socket.local.port != service.vip.port ||
            !takes_packets_to(socket, {service.vip.address}))
            continue;
        findings.push_back(
            {"vip_listener", service.name, Severity::warn,
             fmt::format("a program of this host has {} {}", to_string(service.protocol),
                         socket.local.to_string()),
             "clients elsewhere never reach it, those on this host do; this shows which",
             fmt::format("ss -lnp{} sport = :{}", service.protocol == Protocol::tcp ? "t" : "u",
                         service.vip.port)});
        return;
    }
}

}  // namespace

void check_snat(const Patient &patient, Findings &findings) {
    if (patient.config == nullptr || patient.config->snat.addresses.empty())
        return;
    check_taken(patient.host, patient.config->snat, findings);
    check_local(patient, patient.config->snat.ports, findings);
}

void check_vips(const Patient &patient, Findings &findings) {
    if (patient.config == nullptr)
        return;
    const Addresses addresses(patient.host);
    std::set<Address> seen;
    for (const auto &service : patient.config->services) {
        if (seen.insert(service.vip.address).second)
            check_vip(addresses, service, findings);
        if (addresses.holder(service.vip.address) != nullptr)
            check_listener(patient.host, service, findings);
    }
}

}  // namespace weir
