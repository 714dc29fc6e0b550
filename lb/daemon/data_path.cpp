#include "lb/daemon/data_path.h"

#include <spdlog/spdlog.h>
#include <sys/mount.h>

#include "lb/dataplane/xdp_link.h"

namespace weir {

Result<DataPath> DataPath::bring_up(const Config &config) {
    const auto mounted = ensure_bpffs();
    if (!mounted)
        return tl::make_unexpected(mounted.error());
    auto path = load(config);
    if (!path && *mounted)
        ::umount("/sys/fs/bpf");
    return path;
}

Result<DataPath> DataPath::load(const Config &config) {
    auto pins = Pins::open(config.instance);
    if (!pins)
        return tl::make_unexpected(pins.error());
    auto objects = Objects::load(
        {config.limits, pins->path(), std::nullopt, place(config.file, config.marks.limits)});
    if (!objects) {
        if (!pins->adopted())
            pins->clear();
        return tl::make_unexpected(objects.error());
    }
    auto host = HostSetup::open(pins->path());
    if (!host) {
        if (!pins->adopted())
            pins->clear();
        return tl::make_unexpected(host.error());
    }
    DataPath path(std::move(*pins), std::move(*host), std::move(*objects));
    if (auto started = path.start(config); !started) {
        path.give_up();
        return tl::make_unexpected(started.error());
    }
    return path;
}

// The error that led here is the one to report.
void DataPath::give_up() {
    static_cast<void>(host_.roll_back());
    if (adopted())
        return;
    static_cast<void>(detach_all(map_id_of(tables().flows_map())));
    pins_.clear();
}

Result<void> DataPath::start(const Config &config) {
    // Tables that a data path uses already are whole, and stay as they are until every interface is
    // known to do; new ones are filled before a packet can meet them. VIPs are announced when
    // packets to them are taken.
    const auto attach = [&] { return this->attach(config); };
    const auto write = [&] { return this->write(config); };
    const auto announce = [&] { return host_.announce(config); };
    const auto reserved = host_.reserve(config);
    if (!adopted())
        return reserved.and_then(write).and_then(attach).and_then(announce);
    return reserved.and_then([&] { return plan(config); })
        .and_then([&](const Plan &) { return attach(); })
        .and_then(announce)
        .and_then(write)
        // interfaces that an earlier run served and the configuration no longer names
        .and_then([&] { return detach_all(map_id_of(tables().flows_map()), interfaces_); })
        .and_then([&](const auto &) { return host_.settle(config); });
}

Result<void> DataPath::attach(const Config &config) {
    return attach_all(objects_, config.interfaces, config.file)
        .map([&](std::vector<AttachedInterface> attached) { interfaces_ = std::move(attached); });
}

Result<Plan> DataPath::plan(const Config &config) {
    return tables().read().and_then([&](const TableState &current) {
        return make_plan(current, config, rings_in_doubt_ ? RingScope::all : RingScope::changed);
    });
}

Result<void> DataPath::write(const Config &config) {
    const auto plan = this->plan(config);
    if (!plan)
        return tl::make_unexpected(plan.error());
    rings_in_doubt_ = true;
    // the SNAT pool is there before the first service that needs it, and until the last has gone
    const bool needed = !config.snat.addresses.empty();
    const auto settings = [&] { return tables().write_settings(config); };
    const auto services = [&] { return tables().apply(*plan); };
    auto written = needed ? settings().and_then(services) : services().and_then(settings);
    if (!written)
        return written;
    rings_in_doubt_ = false;
    inventory_ = make_inventory(config, plan->result);
    return {};
}

Result<void> DataPath::reload(const Config &config) {
    auto done = host_.begin()
                    .and_then([&] { return host_.reserve(config); })
                    .and_then([&] { return host_.announce(config); })
                    .and_then([&] { return write(config); });
    if (!done) {
        static_cast<void>(host_.roll_back());
        return done;
    }
    // the configuration is in force, whether the host lets go or not
    if (const auto settled = host_.settle(config); !settled)
        spdlog::warn("{}", settled.error().message);
    return {};
}

}  // namespace weir
