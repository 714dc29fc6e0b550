#include "lb/dataplane/takeover.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include "lb/dataplane/attach.h"
#include "lb/dataplane/old_map.h"
#include "lb/dataplane/tc_link.h"

namespace weir {

namespace {

// A program that was replaced may still be at work on a packet.
constexpr std::chrono::milliseconds kLastPacket{2};
constexpr int kMostRounds = 5;

}  // namespace

std::vector<Takeover::Earlier> Takeover::read(Pins &pins) {
    std::vector<Earlier> all;
    for (const auto &folder : pins.generations()) {
        const auto settings = OldMap::open(folder / "settings");
        all.push_back({folder, pinned_abi(folder).value_or(0), settings ? settings->info().id : 0});
    }
    if (all.size() < 2)
        return all;
    // what a start that was killed has made, and no program uses
    const auto unused = [](const Earlier &one) { return one.map == 0 || !tc_is_loaded({one.map}); };
    const auto gone = std::stable_partition(all.begin(), all.end(), std::not_fn(unused));
    // interfaces may have gone with their programs: the oldest tables are whole
    const auto first = std::max(gone, all.begin() + 1);
    for (auto one = first; one != all.end(); ++one)
        pins.remove_generation(one->folder);
    all.erase(first, all.end());
    return all;
}

Result<Takeover> Takeover::prepare(Pins &pins, const Limits &limits) {
    Takeover takeover;
    for (Earlier &one : read(pins)) {
        const auto fits = Objects::can_adopt(one.folder, limits);
        if (!fits)
            return tl::make_unexpected(fits.error());
        if (*fits && takeover.folder_.empty())
            takeover.folder_ = one.folder;
        else if (one.abi == 0)
            pins.remove_generation(one.folder);  // nothing was written to it
        else
            takeover.earlier_.push_back(std::move(one));
    }
    if (!takeover.folder_.empty())
        return takeover;
    auto folder = pins.add_generation();
    if (!folder)
        return tl::make_unexpected(folder.error());
    takeover.folder_ = std::move(*folder);
    takeover.made_ = true;
    return takeover;
}

std::optional<std::filesystem::path> Takeover::share() const {
    return is_fresh() ? std::optional(earlier_.back().folder) : std::nullopt;
}

OwnPrograms Takeover::own(const Objects &objects) const {
    MapIds others;
    for (const Earlier &one : earlier_)
        others.push_back(one.map);
    return objects.own_programs(std::move(others));
}

Result<void> Takeover::check_ids(const TableState &tables, const Config &config) {
    std::uint32_t services = 0;
    std::uint32_t backends = 0;
    for (const ServiceRow &service : tables.services) {
        services = std::max(services, service.id + 1);
        for (const BackendRow &backend : service.backends)
            backends = std::max(backends, backend.id + 1);
    }
    const auto refuse = [&](std::string_view key, std::uint32_t limit, std::uint32_t need) {
        return fail(Exit::refused,
                    fmt::format("{}: limits.{} is {}, and the tables in use need {}: raise it, or "
                                "run `weir detach` first, which ends the flows",
                                weir::place(config.file, config.marks.limits), key, limit, need));
    };
    if (services > config.limits.services)
        return refuse("services", config.limits.services, services);
    if (backends > config.limits.backends)
        return refuse("backends", config.limits.backends, backends);
    return {};
}

Result<bool> Takeover::are_copies(Objects &objects) const {
    if (earlier_.size() != 1)
        return false;
    return objects.tables().settings().map([&](const weir_settings &settings) {
        return is_fresh() || settings.handover == WEIR_HANDOVER_ALL;
    });
}

NewTables Takeover::entries() const {
    if (copies_)
        return NewTables::copied;
    return is_fresh() ? NewTables::mixed : NewTables::in_use;
}

Result<void> Takeover::copy(Objects &objects, const Config &config) {
    const auto copies = are_copies(objects);
    if (!copies)
        return tl::make_unexpected(copies.error());
    copies_ = *copies;
    for (const Earlier &one : earlier_) {
        const bool all = is_fresh() && &one == &earlier_.back();
        auto migration = Migration::prepare(
            one.folder, objects, all ? MigrationScope::everything : MigrationScope::flows);
        if (!migration)
            return tl::make_unexpected(migration.error());
        if (auto done = migration->copy(copies_ ? NewTables::copied : NewTables::mixed); !done)
            return done;
        migrations_.push_back(std::move(*migration));
    }
    if (!is_fresh())
        return {};
    return objects.tables().read().and_then(
        [&](const TableState &tables) { return check_ids(tables, config); });
}

bool Takeover::moves_flows() const {
    return std::any_of(migrations_.begin(), migrations_.end(),
                       [](const Migration &one) { return one.moves_flows(); });
}

Result<void> Takeover::copy_rest(NewTables tables) {
    for (Migration &migration : migrations_)
        for (int round = 0; round < kMostRounds; round++) {
            const auto copied = migration.copy_rest(tables);
            if (!copied)
                return tl::make_unexpected(copied.error());
            if (*copied == 0)
                break;
        }
    return {};
}

namespace {

std::optional<PortRange> exchange_ports(const std::filesystem::path &folder,
                                        const PortRange &wanted) {
    const auto settings = OldMap::open(folder / "settings");
    if (!settings)
        return std::nullopt;
    const auto first = settings->field("snat_port_first");
    const auto count = settings->field("snat_ports");
    if (!first || !count || *count == 0)
        return std::nullopt;
    settings->set_field("snat_port_first", wanted.first);
    settings->set_field("snat_ports", static_cast<std::uint16_t>(wanted.last - wanted.first + 1));
    return PortRange{*first, static_cast<std::uint16_t>(*first + *count - 1)};
}

}  // namespace

Result<void> Takeover::split_ports(Objects &objects) {
    const auto all = objects.tables().snat_ports();
    if (!all)
        return tl::make_unexpected(all.error());
    if (all->first >= all->last)
        return {};
    const auto half = static_cast<std::uint16_t>(all->first + (all->last - all->first) / 2);
    for (Earlier &one : earlier_)
        one.ports = exchange_ports(one.folder, {all->first, half});
    ports_ = *all;
    std::this_thread::sleep_for(kLastPacket);
    return objects.tables().set_snat_ports({static_cast<std::uint16_t>(half + 1), all->last});
}

Result<void> Takeover::join_ports(Objects &objects) {
    if (!ports_)
        return {};
    const PortRange all = *ports_;
    ports_.reset();
    return objects.tables().set_snat_ports(all);
}

// Tables that packets meet already open flows themselves: behind their programs there may be none
// that would, or only their own.
Result<void> Takeover::catch_up(Objects &objects) {
    // a start that was killed, or refused, may have left something there
    if (earlier_.empty())
        return objects.tables().hand_over(WEIR_HANDOVER_NONE);
    // loaded beforehand, so that one program follows upon the other
    const auto split = [&](int) {
        return is_fresh() && moves_flows() ? split_ports(objects) : Result<void>();
    };
    return objects.xdp_ingress()
        .and_then(split)
        .and_then([&] { return copy_rest(entries()); })
        .and_then([&] {
            const auto what = is_fresh() ? WEIR_HANDOVER_ALL : WEIR_HANDOVER_MIDSTREAM;
            return objects.tables().hand_over(moves_flows() ? what : WEIR_HANDOVER_NONE);
        });
}

Result<void> Takeover::bring_over(Objects &objects) {
    if (earlier_.empty())
        return {};
    if (!moves_flows())
        return copy_rest(NewTables::in_use);
    // from the first on the other tables get no opening, and after the second nothing at all; what
    // they opened meanwhile is unknown here only as long as the last copy takes
    return copy_rest(is_fresh() ? entries() : NewTables::in_use)
        .and_then([&] { return objects.tables().hand_over(WEIR_HANDOVER_MIDSTREAM); })
        .and_then([&] {
            std::this_thread::sleep_for(kLastPacket);
            return copy_rest(NewTables::in_use);
        })
        .and_then([&] { return objects.tables().hand_over(WEIR_HANDOVER_NONE); })
        .and_then([&] {
            std::this_thread::sleep_for(kLastPacket);
            return copy_rest(NewTables::in_use);
        })
        .and_then([&] { return join_ports(objects); });
}

Result<void> Takeover::finish(Pins &pins) {
    if (earlier_.empty())
        return {};
    // counters of packets that the programs were still at work on
    if (auto done = copy_rest(NewTables::in_use); !done)
        return done;
    for (const Earlier &one : earlier_) {
        spdlog::info("took over from the tables of {} (ABI {}, this one has {})",
                     one.folder.string(), one.abi, static_cast<int>(WEIR_ABI));
        pins.remove_generation(one.folder);
    }
    migrations_.clear();
    earlier_.clear();
    return {};
}

void Takeover::give_up(Objects *objects, Pins &pins) const {
    // the programs go on with these tables, alone
    if (!made_ && objects != nullptr)
        static_cast<void>(objects->tables().hand_over(WEIR_HANDOVER_NONE));
    for (const Earlier &one : earlier_)
        if (one.ports)
            static_cast<void>(exchange_ports(one.folder, *one.ports));
    if (made_ && (objects == nullptr || !is_attached_anywhere(*objects)))
        pins.remove_generation(folder_);
}

}  // namespace weir
