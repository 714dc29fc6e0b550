#include "lb/daemon/data_path.h"

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
    DataPath path(std::move(*pins), std::move(*objects));
    if (auto started = path.start(config); !started) {
        if (!path.adopted())
            path.pins_.clear();
        return tl::make_unexpected(started.error());
    }
    return path;
}

Result<void> DataPath::start(const Config &config) {
    // Tables that a data path uses already are whole, and stay as they are until every interface is
    // known to do; new ones are filled before a packet can meet them.
    if (!adopted())
        return write(config).and_then([&] { return attach(config); });
    return plan(config)
        .and_then([&](const Plan &) { return attach(config); })
        .and_then([&] { return write(config); })
        // interfaces that an earlier run served and the configuration no longer names
        .and_then([&] { return detach_all(map_id_of(tables().flows_map()), interfaces_); })
        .map([](const auto &) {});
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
    if (auto applied = tables().apply(*plan); !applied)
        return applied;
    if (auto written = tables().write_timeouts(config.timeouts); !written)
        return written;
    rings_in_doubt_ = false;
    inventory_ = make_inventory(config, plan->result);
    return {};
}

Result<void> DataPath::reload(const Config &config) {
    return write(config);
}

}  // namespace weir
