// The interfaces: what they are, and what their drivers do to packets before XDP sees them.
#include <fmt/format.h>

#include <algorithm>

#include "lb/doctor/checks.h"

namespace weir {
namespace {

// What the IPv6 header is longer than the IPv4 header, bytes.
constexpr unsigned kNat64Growth = 20;
constexpr unsigned kLeastIpv6Mtu = 1280;  // RFC 8200, section 5

LinkFeature feature(const std::map<std::string, LinkFeature> &all, const char *name) {
    const auto found = all.find(name);
    return found == all.end() ? LinkFeature{false, true} : found->second;
}

std::string switch_off(const std::string &link, const char *what, const LinkFeature &feature) {
    return feature.fixed ? fmt::format("set `hook: tc` for {}", link)
                         : fmt::format("ethtool -K {} {} off", link, what);
}

void check_native(const LinkFacts &link, Findings &findings) {
    if (!link.takes_xdp)
        return;
    if (!link.native_xdp)
        findings.push_back({"native_xdp", link.name, Severity::skip,
                            fmt::format("driver {}", link.driver.empty() ? "?" : link.driver),
                            "this kernel does not tell what drivers can; the start will", ""});
    else if (!*link.native_xdp)
        findings.push_back(
            {"native_xdp", link.name, Severity::fail,
             fmt::format("driver {} has no native XDP", link.driver.empty() ? "?" : link.driver),
             "Weir does not start",
             fmt::format("set `xdp_mode: generic` or `hook: tc` for {}", link.name)});
    else
        findings.push_back(
            {"native_xdp", link.name, Severity::ok, "driver " + link.driver, "", ""});
}

void check_queues(const LinkFacts &link, unsigned cpus, Findings &findings) {
    const unsigned best = std::min(cpus, link.most_rx_queues);
    // without XDP a veth has no queues to speak of: the sender's CPU does the work
    if (link.rx_queues == 0 || (link.driver == "veth" && !link.takes_xdp))
        return;
    const auto found = fmt::format("{} receive queue{} on {} CPU{}", link.rx_queues,
                                   link.rx_queues == 1 ? "" : "s", cpus, cpus == 1 ? "" : "s");
    if (link.rx_queues < best)
        findings.push_back({"queues", link.name, Severity::warn, found,
                            "CPUs without a queue of their own do not help",
                            fmt::format("ethtool -L {} {} {}", link.name,
                                        link.combined_queues ? "combined" : "rx", best)});
    else
        findings.push_back({"queues", link.name, Severity::ok, found, "", ""});
}

void check_joined(const LinkFacts &link, Findings &findings) {
    const auto lro = feature(link.features, "rx-lro");
    if (lro.on)
        findings.push_back({"lro", link.name, Severity::fail, "large receive offload is on",
                            "joined segments cannot be sent on as they came",
                            switch_off(link.name, "lro", lro)});
    else
        findings.push_back({"lro", link.name, Severity::ok, "off", "", ""});
    const auto gro = feature(link.features, "rx-gro-hw");
    if (gro.on && link.takes_xdp)
        findings.push_back({"gro_hw", link.name, Severity::fail, "the NIC joins segments (GRO)",
                            "XDP gets packets larger than the link takes",
                            switch_off(link.name, "rx-gro-hw", gro)});
    else
        findings.push_back({"gro_hw", link.name, Severity::ok, "off, or not in the way", "", ""});
}

void check_vlan(const LinkFacts &link, Findings &findings) {
    const auto strip = feature(link.features, "rx-vlan-hw-parse");
    if (link.takes_xdp && strip.on && !link.vlans.empty())
        findings.push_back(
            {"rxvlan", link.name, Severity::fail,
             fmt::format("the NIC takes VLAN tags off, and {} is on it", link.vlans.front()),
             "XDP takes tagged packets for untagged ones and sends them on without their tag",
             switch_off(link.name, "rxvlan", strip)});
    else
        findings.push_back({"rxvlan", link.name, Severity::ok, "not in the way", "", ""});
}

void check_peer(const LinkFacts &link, Findings &findings) {
    if (!link.takes_xdp || link.driver != "veth")
        return;
    if (!link.peer) {
        findings.push_back({"veth_peer", link.name, Severity::skip,
                            "its other end is in another network namespace",
                            "look there: `tx-checksumming` must be off, "
                            "`generic-receive-offload` on (ethtool -k)",
                            ""});
        return;
    }
    const auto tx = feature(link.peer_features, "tx-checksum-ip-generic");
    const auto gro = feature(link.peer_features, "rx-gro");
    if (tx.on)
        findings.push_back({"veth_peer", link.name, Severity::fail,
                            fmt::format("its other end {} leaves checksums to the NIC", *link.peer),
                            "XDP sends its packets on with checksums that are not finished",
                            fmt::format("ethtool -K {} tx off", *link.peer)});
    if (!gro.on && !link.peer_has_xdp)
        findings.push_back({"veth_peer", link.name, Severity::fail,
                            fmt::format("its other end {} has neither GRO nor XDP", *link.peer),
                            "the kernel drops what XDP sends to a veth that does not poll",
                            fmt::format("ethtool -K {} gro on", *link.peer)});
    if (!tx.on && (gro.on || link.peer_has_xdp))
        findings.push_back({"veth_peer", link.name, Severity::ok, *link.peer, "", ""});
}

// Whether a service translates IPv4 packets into longer IPv6 ones.
bool grows(const Config &config) {
    return std::any_of(
        config.services.begin(), config.services.end(), [](const ServiceConfig &service) {
            return service.vip.address.is_v4() &&
                   std::any_of(service.backends.begin(), service.backends.end(),
                               [](const auto &one) { return !one.endpoint.address.is_v4(); });
        });
}

bool leads_to_ipv6(const HostFacts &host, const LinkFacts &link) {
    return std::any_of(host.routes.begin(), host.routes.end(), [&](const Route &route) {
        return !route.to.is_v4() && route.interface == link.name;
    });
}

}  // namespace

void check_links(const Patient &patient, Findings &findings) {
    const auto &links = patient.host.links;
    const bool any =
        std::any_of(links.begin(), links.end(), [](const auto &link) { return link.exists; });
    for (const auto &link : links) {
        if (!link.exists) {
            findings.push_back({"missing_interface", link.name,
                                any ? Severity::warn : Severity::fail, "it does not exist",
                                any ? "Weir waits for it; this shows those that there are"
                                    : "Weir does not start; this shows those that there are",
                                "ip link show"});
            continue;
        }
        if (link.up)
            findings.push_back({"interface", link.name, Severity::ok, "up", "", ""});
        else
            findings.push_back({"interface", link.name, Severity::fail, "it is down",
                                "no packet comes in", fmt::format("ip link set {} up", link.name)});
        check_native(link, findings);
        check_queues(link, patient.host.cpus, findings);
    }
}

void check_mtu(const Patient &patient, Findings &findings) {
    if (patient.config == nullptr)
        return;
    const bool growing = grows(*patient.config);
    unsigned smallest = ~0U;
    unsigned largest = 0;
    for (const auto &link : patient.host.links) {
        smallest = link.exists ? std::min(smallest, link.mtu) : smallest;
        largest = link.exists ? std::max(largest, link.mtu) : largest;
    }
    for (const auto &link : patient.host.links) {
        const auto complain = [&](Severity severity, const std::string &why, unsigned mtu) {
            findings.push_back({"mtu", link.name, severity, fmt::format("{} bytes", link.mtu), why,
                                fmt::format("ip link set {} mtu {}", link.name, mtu)});
        };
        const unsigned slack = growing ? kNat64Growth : 0;
        if (!link.exists)
            continue;
        if (patient.serves(false) && link.mtu < kLeastIpv6Mtu)
            complain(Severity::fail,
                     "IPv6 needs 1280 bytes; with less the kernel switches it off here",
                     kLeastIpv6Mtu);
        else if (link.mtu + slack < largest)
            complain(Severity::warn,
                     fmt::format("{} bytes come in by another interface: such packets are "
                                 "fragmented or answered with ICMP",
                                 largest),
                     largest);
        else if (growing && leads_to_ipv6(patient.host, link) && link.mtu < smallest + kNat64Growth)
            complain(Severity::warn,
                     "IPv6 headers are 20 bytes longer: full packets of IPv4 clients are "
                     "fragmented or answered with ICMP",
                     smallest + kNat64Growth);
        else
            findings.push_back(
                {"mtu", link.name, Severity::ok, fmt::format("{} bytes", link.mtu), "", ""});
    }
}

void check_offloads(const Patient &patient, Findings &findings) {
    for (const auto &link : patient.host.links) {
        if (!link.exists)
            continue;
        check_joined(link, findings);
        check_vlan(link, findings);
        check_peer(link, findings);
    }
}

}  // namespace weir
