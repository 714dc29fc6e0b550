#include "lb/daemon/host_setup.h"

#include <fmt/format.h>
#include <net/if.h>

#include "lb/dataplane/announce.h"
#include "lb/dataplane/reserved_ports.h"

namespace weir {
namespace {

// The VIPs to announce: all of them on the first interface.
struct Announced {
    const ServiceConfig *service;
    AddedAddress address;
};

std::vector<Announced> announced(const Config &config) {
    std::vector<Announced> all;
    if (config.interfaces.empty())
        return all;
    const unsigned ifindex = if_nametoindex(config.interfaces.front().name.c_str());
    if (ifindex == 0)
        return all;  // when it comes
    for (const auto &service : config.services)
        if (service.announce == Announce::address)
            all.push_back({&service, {ifindex, service.vip.address}});
    return all;
}

std::vector<AddedAddress> announced_addresses(const Config &config) {
    std::vector<AddedAddress> all;
    for (const auto &one : announced(config))
        all.push_back(one.address);
    return all;
}

// Ports are of no use without addresses, and nobody need miss them.
std::optional<PortRange> wanted_ports(const Config &config) {
    return config.snat.addresses.empty() ? std::nullopt : std::optional(config.snat.ports);
}

Result<void> check_ports(const Config &config, const PortRange &range) {
    std::vector<Address> addresses;
    for (const auto &one : config.snat.addresses)
        addresses.push_back(one.address);
    const auto socket = find_socket(addresses, range);
    if (!socket)
        return tl::make_unexpected(socket.error());
    if (!*socket)
        return {};
    const auto &found = **socket;
    return fail(
        Exit::refused,
        fmt::format(
            "{}: snat.ports {} holds {} port {}, where a program of this host listens ({}): "
            "stop it (ss -lntup shows it), or choose other ports",
            place(config.file, config.snat.mark), range.to_string(), to_string(found.protocol),
            found.local.port, found.local.to_string()));
}

}  // namespace

Result<HostSetup> HostSetup::open(const std::filesystem::path &folder) {
    auto changes = HostChanges::open(folder);
    if (!changes)
        return tl::make_unexpected(changes.error());
    HostSetup setup(std::move(*changes));
    return setup.begin().map([&] { return std::move(setup); });
}

Result<void> HostSetup::begin() {
    auto addresses = changes_.addresses();
    if (!addresses)
        return tl::make_unexpected(addresses.error());
    addresses_ = std::move(*addresses);
    return changes_.ports().map([&](const PortSet &ports) { ports_ = ports; });
}

Result<void> HostSetup::reserve(const Config &config) {
    const auto range = wanted_ports(config);
    if (!range)
        return {};
    return check_ports(config, *range).and_then([&] { return reserve_ports(changes_, *range); });
}

Result<void> HostSetup::announce(const Config &config) {
    const auto all = announced(config);
    if (all.empty())
        return {};
    auto announcer = Announcer::open(changes_);
    if (!announcer)
        return tl::make_unexpected(announcer.error());
    for (const auto &one : all) {
        const auto done = announcer->announce(one.address, config.interfaces.front().name);
        if (!done)
            return fail(done.error().exit, fmt::format("{}: service '{}', announce: {}",
                                                       place(config.file, one.service->mark),
                                                       one.service->name, done.error().message));
    }
    return {};
}

Result<void> HostSetup::keep(const std::vector<AddedAddress> &addresses, const PortSet &ports) {
    return withdraw(changes_, addresses).and_then([&] { return release_ports(changes_, ports); });
}

Result<void> HostSetup::settle(const Config &config) {
    const auto range = wanted_ports(config);
    return keep(announced_addresses(config), range ? PortSet({*range}) : PortSet());
}

Result<void> HostSetup::roll_back() {
    return keep(addresses_, ports_);
}

Result<void> HostSetup::clear() {
    return keep({}, {});
}

}  // namespace weir
