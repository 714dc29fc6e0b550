#include "lb/daemon/socket_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "lb/daemon/log.h"
#include "lb/daemon/privileges.h"
#include "lb/dataplane/cgroup.h"
#include "lb/dataplane/old_map.h"
#include "lb/dataplane/program_ids.h"

namespace weir {

namespace {

std::string message(const Config &config, const std::string &what) {
    const SocketsConfig &sockets = *config.sockets;
    const Mark &mark = sockets.cgroup_mark.line != 0 ? sockets.cgroup_mark : sockets.mark_of_all;
    return fmt::format("{}: sockets: {}", place(config.file, mark), what);
}

}  // namespace

Result<void> SocketPath::load(const Objects &objects, const Config &config,
                              const std::filesystem::path &tables,
                              const std::optional<std::filesystem::path> &share) {
    if (!config.sockets)
        return {};
    const bool joins = config.sockets->join && !join_;
    if (objects_ && !joins)
        return {};
    if (::faccessat(AT_FDCWD, tables.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
        return fail(
            Exit::refused,
            message(config, fmt::format("no tables can be added to those in the bpffs ({}): "
                                        "restart weir instead, which costs no packet",
                                        std::strerror(errno))));
    if (auto loaded = load_objects(objects, config, tables, share); !loaded || !joins)
        return loaded;
    return JoinObjects::load(objects, *objects_, config.limits, tables, share)
        .map([&](JoinObjects loaded) { join_ = std::move(loaded); })
        .map_error([&](const Error &error) {
            return Error{error.exit, message(config, "join: " + error.message)};
        });
}

Result<void> SocketPath::load_objects(const Objects &objects, const Config &config,
                                      const std::filesystem::path &tables,
                                      const std::optional<std::filesystem::path> &share) {
    if (objects_)
        return {};
    return SocketObjects::load(objects, config.limits, tables, share)
        .map([&](SocketObjects loaded) {
            objects_ = std::move(loaded);
            const auto counts = share ? OldMap::open(*share / "socket_flows") : std::nullopt;
            counts_are_new_ =
                counts && counts->info().id != map_id_of(objects_->tables().maps().flows);
        });
}

Result<void> SocketPath::attach(const Config &config) {
    before_.reset();
    if (!config.sockets || !objects_)
        return {};
    const auto cgroup = Cgroup::open(config.sockets->cgroup);
    if (!cgroup)
        return fail(cgroup.error().exit, message(config, cgroup.error().message));
    if (auto done = attach(*config.sockets, *cgroup); !done)
        return fail(done.error().exit, message(config, done.error().message));
    if (!cgroup->exists())
        note_change(LogLevel::warn, " does not exist: waiting for it");
    return {};
}

// Sockets of a cgroup that the programs leave are never uncounted.
Result<void> SocketPath::attach(const SocketsConfig &config, const Cgroup &cgroup) {
    const auto on = links_.cgroup();
    if (!on)
        return tl::make_unexpected(on.error());
    const bool begin = *on != cgroup.id || counts_are_new_;
    return save_sockets(objects_->tables().maps(), begin)
        .map([&](SavedSockets told) {
            before_ = Before{std::move(told), listeners_, place_};
        })
        .and_then([&] { return configure(config, begin); })
        .and_then([&] { return links_.attach(cgroup, programs(config)); })
        .map([&] {
            place_ = {cgroup.path, cgroup.id,
                      cgroup.exists() ? InterfaceState::attached : InterfaceState::absent};
        });
}

std::vector<SocketProgram> SocketPath::programs(const SocketsConfig &config) const {
    auto all = objects_->programs(!config.listeners.empty());
    if (config.join && join_)
        for (auto &one : join_->programs())
            all.push_back(std::move(one));
    return all;
}

Result<void> SocketPath::configure(const SocketsConfig &config, bool begin) {
    return objects_->tables().configure(config, begin).and_then([&] {
        listeners_ = in_order(config.listeners);
        return write_listeners(objects_->tables().maps(), listeners_);
    });
}

Result<bool> SocketPath::find_listener(std::size_t index) const {
    return weir::find_listener(objects_->tables().maps(), objects_->find_listener(),
                               listeners_.at(index), index);
}

Result<void> SocketPath::undo() {
    if (!before_)
        return {};
    const Before before = *std::exchange(before_, std::nullopt);
    place_ = before.place;
    listeners_ = before.listeners;
    auto links = links_.undo();
    auto told = restore_sockets(objects_->tables().maps(), before.told);
    return links ? told : links;
}

Result<void> SocketPath::settle(const Config &config) {
    links_.settle();
    before_.reset();
    counts_are_new_ = false;
    if (config.sockets)
        return {};
    return links_.detach().map([&] {
        listeners_.clear();
        place_ = {};
    });
}

void SocketPath::look_after(const Config &config) {
    if (!config.sockets || !objects_ || !wanted())
        return;
    const auto cgroup = Cgroup::open(config.sockets->cgroup);
    if (!cgroup)
        return refuse(message(config, cgroup.error().message));
    if (cgroup->exists()) {
        if (place_.state != InterfaceState::attached || place_.id != cgroup->id)
            attach_again(*config.sockets, *cgroup);
        return;
    }
    if (place_.state == InterfaceState::absent)
        return;
    // what is left of its programs stays with the sockets of programs that were moved elsewhere
    place_ = {cgroup->path, 0, InterfaceState::absent};
    note_change(LogLevel::warn, " has gone: waiting for it");
}

void SocketPath::attach_again(const SocketsConfig &config, const Cgroup &cgroup) {
    const AsAdministrator whose_programs_are_there;
    const bool was_there = place_.state == InterfaceState::attached;
    auto done = attach(config, cgroup);
    if (!done) {
        static_cast<void>(undo());  // what led here is the one to report
        return refuse(fmt::format("cgroup {}: {}", cgroup.path, done.error().message));
    }
    links_.settle();
    before_.reset();
    note_change(LogLevel::info, was_there ? " was removed and made again: attached" : ": attached");
}

// It is tried again; only what is new is worth a line.
void SocketPath::refuse(const std::string &why) {
    if (place_.state == InterfaceState::refused && place_.reason == why)
        return;
    place_.id = 0;
    place_.state = InterfaceState::refused;
    place_.reason = why;
    note(*notices_, {NoticeKind::interface, LogLevel::error, why});
}

void SocketPath::note_change(LogLevel severity, const std::string &what) {
    note(*notices_,
         {NoticeKind::interface, severity, fmt::format("cgroup {}{}", place_.cgroup, what)});
}

Result<void> SocketPath::prepare(const Plan &plan) const {
    if (!objects_)
        return {};
    return objects_->tables().clear(plan.fresh_services, plan.fresh_backends).and_then([&] {
        return join_ ? join_->clear(plan.fresh_services) : Result<void>();
    });
}

Result<void> SocketPath::write_sources(const TableState &tables) const {
    if (!objects_)
        return {};
    return objects_->tables().write_sources(tables);
}

}  // namespace weir
