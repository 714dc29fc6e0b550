#include "lb/daemon/data_path.h"

#include <spdlog/spdlog.h>
#include <sys/mount.h>

#include <utility>

#include "lb/daemon/privileges.h"
#include "lb/model/conditions.h"
#include "lb/stats/inventory_update.h"

namespace weir {

Result<DataPath> DataPath::bring_up(const Config &config, const ConditionsOf &conditions,
                                    Notices &notices) {
    const auto mounted = ensure_bpffs();
    if (!mounted)
        return tl::make_unexpected(mounted.error());
    auto path = load(config, conditions, notices);
    if (!path && *mounted)
        ::umount("/sys/fs/bpf");
    return path;
}

Result<DataPath> DataPath::load(const Config &config, const ConditionsOf &conditions,
                                Notices &notices) {
    auto pins = Pins::open(config.instance);
    if (!pins)
        return tl::make_unexpected(pins.error());
    auto takeover = Takeover::prepare(*pins, config.limits);
    if (!takeover)
        return tl::make_unexpected(takeover.error());
    const auto give_up = [&](const Error &error) {
        takeover->give_up(nullptr, *pins);
        if (!pins->adopted())
            pins->clear();
        return tl::make_unexpected(error);
    };
    auto objects =
        Objects::load({config.limits, takeover->folder(), std::nullopt, takeover->share()});
    if (!objects)
        return give_up(objects.error());
    auto host = HostSetup::open(pins->path());
    if (!host)
        return give_up(host.error());
    DataPath path(std::move(*pins), std::move(*host), std::move(*takeover), std::move(*objects),
                  notices);
    if (auto started = path.start(config, conditions); !started) {
        path.give_up();
        return tl::make_unexpected(started.error());
    }
    return path;
}

// The error that led here is the one to report.
void DataPath::give_up() {
    undo_sockets();
    static_cast<void>(host_.roll_back());
    undo_attach();
    takeover_.give_up(&objects_, pins_);
    if (!adopted())
        pins_.clear();
}

// Where flows were on their way to these tables, programs that were replaced know only a part of
// them, and stay replaced.
void DataPath::undo_attach() {
    const OwnPrograms own = takeover_.own(objects_);
    if (!adopted())
        static_cast<void>(detach_all(own));
    else if (standing_ && stood_on_these_tables_)
        standing_->put_back(objects_, own);
    else if (standing_)
        standing_->take_off_new(objects_, own);
}

void DataPath::undo_sockets() {
    if (const auto undone = sockets_.undo(); !undone)
        spdlog::error("what was changed for `sockets` cannot be taken back: {}",
                      undone.error().message);
}

Result<void> DataPath::start(const Config &config, const ConditionsOf &conditions) {
    if (adopted())
        start_with_ = takeover_.is_fresh() ? "taken_over" : "adopted";
    return host_.reserve(config)
        .and_then([&] { return takeover_.copy(objects_, config); })
        .and_then([&] { return load_sockets(config); })
        .and_then([&] { return know_state(); })
        .map([&] { conditions_ = conditions(*state_); })
        .and_then([&] {
            return adopted() && !takeover_.is_fresh() ? start_with_tables_in_use(config)
                                                      : start_with_new_tables(config);
        })
        .and_then([&] { return let_go(config); })
        .and_then([&] { return sockets_.settle(config); })
        .map([&] { standing_.reset(); });
}

// They are filled before a packet can meet them. Programs that take over are not sent away again:
// what the host would refuse is asked before.
Result<void> DataPath::start_with_new_tables(const Config &config) {
    return write(config, {})
        .and_then([&] { return host_.check_announce(config); })
        .and_then([&] { return attach(config); })
        .and_then([&] { return host_.announce(config); });
}

// They are whole, and stay as they are until every interface is known to do.
Result<void> DataPath::start_with_tables_in_use(const Config &config) {
    return plan(config, {})
        .and_then([&](const PartialPlan &) { return attach(config); })
        .and_then([&] { return host_.check_announce(config); })
        .and_then([&] { return write_and_announce(config, {}); });
}

Result<void> DataPath::attach(const Config &config) {
    stood_on_these_tables_ = !takeover_.has_others();
    return takeover_.catch_up(objects_)
        .and_then([&] {
            const OwnPrograms own = takeover_.own(objects_);
            standing_ = Standing::read(config.interfaces, own);
            return interfaces_.attach(objects_, config, own, takeover_.place());
        })
        // the other tables may have services that these have not: see write_and_announce()
        .map([&] { host_.withdraw(config); })
        .and_then([&] { return takeover_.bring_over(objects_); })
        .and_then([&] { return sockets_.attach(config); })
        .and_then([&] { return interfaces_.take_place(objects_, takeover_.own(objects_)); })
        .and_then([&] { return takeover_.finish(pins_); });
}

// Before the tables are filled, which are theirs as well.
Result<void> DataPath::load_sockets(const Config &config) {
    return sockets_.load(objects_, config, pins_.place() / takeover_.folder().filename(),
                         takeover_.share());
}

// Lets go of interfaces and of what was changed on the host, where an earlier run or configuration
// had them and `config` does not.
Result<void> DataPath::let_go(const Config &config) {
    return interfaces_.leave_others(objects_, takeover_.own(objects_)).and_then([&] {
        return host_.settle(config);
    });
}

Result<void> DataPath::know_state() {
    if (state_)
        return {};
    return tables().read().map([&](TableState state) { state_ = std::move(state); });
}

Result<PartialPlan> DataPath::plan(const Config &config, const Affected &affected) {
    return know_state().and_then([&] {
        return make_partial_plan(*state_, config,
                                 rings_in_doubt_ ? RingScope::all : RingScope::changed, conditions_,
                                 affected);
    });
}

Result<void> DataPath::apply(const Config &config, PartialPlan partial) {
    const bool in_doubt = std::exchange(rings_in_doubt_, true);
    TableState before = std::move(*std::exchange(state_, std::nullopt));
    const Plan &plan = partial.plan;
    if (auto done = in_doubt ? tables().mark_known(plan.result) : Result<void>(); !done)
        return done;
    if (auto done = sockets_.prepare(plan).and_then([&] { return tables().apply(plan); }); !done)
        return done;
    const Affected affected = partial.affected;
    TableState now = result_of(std::move(before), std::move(partial));
    if (auto done = sockets_.write_sources(now); !done)
        return done;
    rings_in_doubt_ = false;
    state_ = std::move(now);
    const std::uint64_t number = inventory_.number + 1;
    if (affected)
        update_inventory(inventory_, config, *state_, *affected);
    else
        inventory_ = make_inventory(config, *state_);
    inventory_.number = number;
    return {};
}

Result<void> DataPath::write(const Config &config, const Affected &affected) {
    return plan(config, affected).and_then([&](PartialPlan plan) {
        return write_plan(config, std::move(plan));
    });
}

Result<void> DataPath::write_plan(const Config &config, PartialPlan plan) {
    // the SNAT pool is there before the first service that needs it, and until the last has gone
    const bool needed = !config.snat.addresses.empty();
    const auto settings = [&] { return tables().write_settings(config); };
    const auto services = [&] { return apply(config, std::move(plan)); };
    return needed ? settings().and_then(services) : services().and_then(settings);
}

// A packet to a VIP that no service takes goes up the stack, and where the VIP is an address of the
// host it is answered with a reset: a VIP comes after its service. It goes before that, for who
// still sends there is served a moment longer; who asks for it then would have come too late
// anyway.
Result<void> DataPath::write_and_announce(const Config &config, const Affected &affected) {
    return plan(config, affected)
        .and_then([&](PartialPlan plan) {
            host_.withdraw(config);
            return write_plan(config, std::move(plan));
        })
        .and_then([&] { return host_.announce(config); });
}

Conditions DataPath::exchange_conditions(const Config &config, const Affected &affected,
                                         Conditions conditions) {
    if (!affected)
        return std::exchange(conditions_, std::move(conditions));
    return replace_services(conditions_, names_of(config, *affected), std::move(conditions));
}

Result<void> DataPath::set_conditions(const Config &config, const std::set<std::string> &services,
                                      const Conditions &conditions) {
    const Affected affected = services_named(config, services);
    Conditions before = exchange_conditions(config, affected, conditions);
    auto done = plan(config, affected).and_then([&](PartialPlan plan) {
        return apply(config, std::move(plan));
    });
    if (!done)
        exchange_conditions(config, affected, std::move(before));
    return done;
}

Result<void> DataPath::reload(const Config &running, const Config &config, const Affected &affected,
                              const Conditions &conditions) {
    const AsAdministrator whose_programs_are_there;
    Conditions before = exchange_conditions(config, affected, conditions);
    const OwnPrograms own = takeover_.own(objects_);
    const auto standing = Standing::read(config.interfaces, own);
    auto interfaces = interfaces_;
    bool written = false;
    auto done = host_.begin()
                    .and_then([&] { return host_.reserve(config); })
                    .and_then([&] { return interfaces.attach(objects_, config, own); })
                    .and_then([&] { return load_sockets(config); })
                    .and_then([&] { return sockets_.attach(config); })
                    .and_then([&] { return host_.check_announce(config); })
                    .and_then([&] {
                        written = true;
                        return write_and_announce(config, affected);
                    });
    if (!done) {
        host_.withdraw(running);  // before their services, as in write_and_announce()
        exchange_conditions(running, affected, std::move(before));
        undo_sockets();  // before backends begin to count anew
        // a write that ended half way, of the settings or of the services
        if (const auto back = written ? write(running, {}) : Result<void>(); !back)
            spdlog::error("what a reload that failed has written cannot be taken back: {}",
                          back.error().message);
        standing.put_back(objects_, own);
        static_cast<void>(host_.roll_back());
        return done;
    }
    interfaces_ = std::move(interfaces);
    // the configuration is in force, whether the host lets go or not
    for (const auto &done_too : {let_go(config), sockets_.settle(config)})
        if (!done_too)
            spdlog::warn("{}", done_too.error().message);
    return {};
}

bool DataPath::look_after(const Config &config) {
    const AsAdministrator whose_programs_are_there;
    const bool changed = interfaces_.look_after(objects_, config);
    auto done =
        know_state().and_then([&] { return sockets_.write_sources(*state_); }).and_then([&] {
            return host_.announce(config);
        });
    // an interface that came back has another number, and the notes name the old one
    if (done && changed)
        done = host_.settle(config);
    const std::string error = done ? "" : done.error().message;
    if (!done && error != announce_error_)
        spdlog::error("{}", error);
    announce_error_ = error;
    return changed;
}

}  // namespace weir
