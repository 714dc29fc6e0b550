#include "lb/daemon/socket_path.h"

#include <fmt/format.h>

#include <utility>

#include "lb/dataplane/cgroup.h"

namespace weir {

Result<void> SocketPath::load(const Objects &objects, const Config &config,
                              const std::filesystem::path &tables,
                              const std::optional<std::filesystem::path> &share) {
    if (!config.sockets)
        return {};
    if (!objects_) {
        auto loaded = SocketObjects::load(objects, config.limits, tables, share);
        if (!loaded)
            return tl::make_unexpected(loaded.error());
        objects_ = std::move(*loaded);
    }
    if (!config.sockets->join || join_)
        return {};
    return JoinObjects::load(objects, *objects_, config.limits, tables, share)
        .map([&](JoinObjects loaded) { join_ = std::move(loaded); });
}

Result<void> SocketPath::attach(const Config &config) {
    cgroup_before_ = cgroup_;
    if (!config.sockets || !objects_)
        return {};
    auto cgroup = Cgroup::open(config.sockets->cgroup);
    if (!cgroup)
        return fail(cgroup.error().exit,
                    fmt::format("{}: sockets: {}",
                                place(config.file, config.sockets->cgroup_mark.line != 0
                                                       ? config.sockets->cgroup_mark
                                                       : config.sockets->mark_of_all),
                                cgroup.error().message));
    // sockets of a cgroup that the programs leave are never uncounted
    const bool begin = !links_.any() || (!cgroup_.empty() && cgroup_ != cgroup->path);
    return configure(*config.sockets, begin)
        .and_then([&] { return links_.attach(*cgroup, programs(*config.sockets)); })
        .map([&] { cgroup_ = cgroup->path; });
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

void SocketPath::undo(const Config *running) {
    links_.undo();
    cgroup_ = cgroup_before_;
    if (running != nullptr && running->sockets && objects_)
        static_cast<void>(configure(*running->sockets, false));
}

void SocketPath::settle(const Config &config) {
    links_.settle();
    if (config.sockets)
        return;
    links_.detach();
    listeners_.clear();
    cgroup_.clear();
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
