#include "lb/daemon/host_setup.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <set>

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

using Action = std::function<Result<void>(Announcer &, const AddedAddress &, const std::string &)>;

// The action for each of them, on the interface of that name.
Result<void> for_announced(HostChanges &changes, const Config &config, const Action &action) {
    const auto all = announced(config);
    if (all.empty())
        return {};
    auto announcer = Announcer::open(changes);
    if (!announcer)
        return tl::make_unexpected(announcer.error());
    for (const auto &one : all) {
        const auto done = action(*announcer, one.address, config.interfaces.front().name);
        if (!done)
            return fail(done.error().exit, fmt::format("{}: service '{}', announce: {}",
                                                       place(config.file, one.service->mark),
                                                       one.service->name, done.error().message));
    }
    return {};
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
    return for_announced(changes_, config, [](Announcer &announcer, const auto &...what) {
        return announcer.announce(what...);
    });
}

Result<void> HostSetup::check_announce(const Config &config) {
    return for_announced(changes_, config, [](const Announcer &announcer, const auto &...what) {
        return announcer.check(what...);
    });
}

void HostSetup::withdraw(const Config &config) {
    std::set<Address> vips;
    for (const auto &service : config.services)
        if (service.announce == Announce::address)
            vips.insert(service.vip.address);
    auto kept = changes_.addresses();
    if (!kept)
        return;
    const auto is_gone = [&](const AddedAddress &one) { return vips.count(one.address) == 0; };
    kept->erase(std::remove_if(kept->begin(), kept->end(), is_gone), kept->end());
    static_cast<void>(weir::withdraw(changes_, *kept));
}

Result<void> HostSetup::keep(const std::vector<AddedAddress> &addresses, const PortSet &ports) {
    return weir::withdraw(changes_, addresses).and_then([&] {
        return release_ports(changes_, ports);
    });
}

Result<void> HostSetup::settle(const Config &config) {
    const auto range = wanted_ports(config);
    return keep(announced_addresses(config), range ? PortSet({*range}) : PortSet());
}

Result<void> HostSetup::announce_again(const std::vector<AddedAddress> &addresses) {
    const auto noted = changes_.addresses();
    if (!noted)
        return tl::make_unexpected(noted.error());
    const std::set<AddedAddress> there(noted->begin(), noted->end());
    std::vector<AddedAddress> gone;
    std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(gone),
                 [&](const AddedAddress &one) { return there.count(one) == 0; });
    if (gone.empty())
        return {};
    auto announcer = Announcer::open(changes_);
    if (!announcer)
        return tl::make_unexpected(announcer.error());
    for (const AddedAddress &one : gone) {
        std::array<char, IF_NAMESIZE> name{};
        if (if_indextoname(one.ifindex, name.data()) == nullptr)
            continue;  // it went with its interface
        if (auto done = announcer->announce(one, name.data()); !done)
            return done;
    }
    return {};
}

Result<void> HostSetup::roll_back() {
    return keep(addresses_, ports_).and_then([&] { return announce_again(addresses_); });
}

Result<void> HostSetup::clear() {
    return keep({}, {});
}

}  // namespace weir
