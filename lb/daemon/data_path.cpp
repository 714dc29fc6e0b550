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
    auto objects = Objects::load({config.limits, pins->path(), std::nullopt});
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
    if (auto written = write(config, adopted() ? RingScope::all : RingScope::changed); !written)
        return written;
    auto attached = attach_all(objects_, config.interfaces, config.file);
    if (!attached)
        return tl::make_unexpected(attached.error());
    interfaces_ = std::move(*attached);
    if (!adopted())
        return {};
    // interfaces that an earlier run served and the configuration no longer names
    return detach_all(map_id_of(tables().flows_map()), interfaces_).map([](const auto &) {});
}

Result<void> DataPath::write(const Config &config, RingScope scope) {
    const auto current = tables().read();
    if (!current)
        return tl::make_unexpected(current.error());
    const auto plan = make_plan(*current, config, scope);
    if (!plan)
        return tl::make_unexpected(plan.error());
    if (auto applied = tables().apply(*plan); !applied)
        return applied;
    if (auto written = tables().write_timeouts(config.timeouts); !written)
        return written;
    inventory_ = make_inventory(config, plan->result);
    return {};
}

Result<void> DataPath::reload(const Config &config) {
    return write(config, RingScope::changed);
}

}  // namespace weir
