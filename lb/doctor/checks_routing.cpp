// What the kernel does with the packets that Weir leaves to it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "lb/doctor/checks.h"

namespace weir {
namespace {

// Both families, with where their settings are below /proc/sys.
struct Family {
    const char *name;
    const char *global;
    const char *conf;
    bool v4;
};
constexpr Family kFamilies[] = {{"IPv4", "net/ipv4/ip_forward", "net/ipv4/conf", true},
                                {"IPv6", "net/ipv6/conf/all/forwarding", "net/ipv6/conf", false}};

std::string dotted(std::string path) {
    std::replace(path.begin(), path.end(), '/', '.');
    return path;
}

void check_family(const Patient &patient, const Family &family, Findings &findings) {
    const auto &host = patient.host;
    const auto global = family.v4 ? host.forwarding_v4 : host.forwarding_v6;
    if (!patient.serves(family.v4) || !global)
        return;
    if (*global == 0) {
        findings.push_back(
            {"forwarding", family.name, patient.config == nullptr ? Severity::warn : Severity::fail,
             dotted(family.global) + " is 0",
             fmt::format("packets between clients and {} backends on other hosts are lost",
                         family.name),
             sysctl_command(family.global, "1")});
        return;
    }
    bool all = true;
    for (const auto &link : host.links) {
        // the FIB look-up asks the interface that a packet came in by (bpf_fib_lookup)
        const auto own = family.v4 ? link.forwarding_v4 : link.forwarding_v6;
        if (!own || *own != 0)
            continue;
        all = false;
        findings.push_back(
            {"forwarding", link.name, Severity::fail,
             fmt::format("{} forwarding is off on this interface", family.name),
             "packets that arrive here for other hosts are lost",
             sysctl_command(fmt::format("{}/{}/forwarding", family.conf, link.name), "1")});
    }
    if (all)
        findings.push_back({"forwarding", family.name, Severity::ok, "on", "", ""});
}

// Where the way back to somebody leaves: by the default route, or by that of a backend.
std::set<std::string> ways_out(const HostFacts &host) {
    std::set<std::string> all(host.default_routes.begin(), host.default_routes.end());
    for (const auto &route : host.routes)
        all.insert(route.interface);
    return all;
}

}  // namespace

void check_forwarding(const Patient &patient, Findings &findings) {
    // for the sockets of this host's programs alone, packets go no way but their own
    if (patient.config != nullptr && patient.config->interfaces.empty())
        return;
    for (const Family &family : kFamilies)
        check_family(patient, family, findings);
}

void check_reverse_path(const Patient &patient, Findings &findings) {
    const auto &host = patient.host;
    if (!patient.serves(true))
        return;
    const auto out = ways_out(host);
    for (const auto &link : host.links) {
        if (!link.rp_filter)
            continue;
        // the larger of both counts (Documentation/networking/ip-sysctl.rst); 1 is strict
        const bool strict = std::max(host.rp_filter_all, *link.rp_filter) == 1;
        if (!strict) {
            findings.push_back({"rp_filter", link.name, Severity::ok, "not strict", "", ""});
            continue;
        }
        const bool one_arm = host.links.size() == 1 && out.count(link.name) != 0;
        const auto remedy =
            sysctl_command(fmt::format("net/ipv4/conf/{}/rp_filter", link.name), "2");
        if (one_arm)
            findings.push_back({"rp_filter", link.name, Severity::ok,
                                "strict, and the only interface, so all ways back leave by it", "",
                                ""});
        else if (out.count(link.name) == 0)
            findings.push_back({"rp_filter", link.name, Severity::fail,
                                "strict, and no route to a backend or to everyone leaves by it",
                                "the kernel drops packets that Weir leaves to it (the first to a "
                                "next hop, fragments) and that come in here from elsewhere",
                                remedy});
        else
            findings.push_back({"rp_filter", link.name, Severity::warn, "strict",
                                "the kernel drops packets that Weir leaves to it (the first to a "
                                "next hop, fragments) when the way back to their source leaves by "
                                "another interface",
                                remedy});
    }
}

void check_routes(const Patient &patient, Findings &findings) {
    const auto &routes = patient.host.routes;
    std::size_t well = 0;
    for (const auto &route : routes) {
        const auto name = route.to.to_string();
        if (route.interface.empty()) {
            findings.push_back({"backend", name, Severity::fail, "no route to it",
                                "nothing reaches it: give the gateway that leads there",
                                fmt::format("ip route add {} via GATEWAY", name)});
            continue;
        }
        if (route.local || route.neighbour != Neighbour::failed) {
            well++;
            continue;
        }
        const auto next = route.gateway.value_or(route.to).to_string();
        findings.push_back(
            {"backend", name, Severity::warn,
             fmt::format("its next hop {} does not answer on {}", next, route.interface),
             "packets to it are lost until that host answers; this asks it again",
             fmt::format("ping -c 1 -I {} {}", route.interface, next)});
    }
    if (well > 0)
        findings.push_back({"backend", "", Severity::ok,
                            fmt::format("a way to {} of {} addresses", well, routes.size()), "",
                            ""});
}

}  // namespace weir
