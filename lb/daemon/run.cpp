#include "lb/daemon/run.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <exception>
#include <utility>
#include <vector>

#include "lb/config/reread.h"
#include "lb/daemon/daemon.h"
#include "lb/daemon/listeners.h"
#include "lb/daemon/log.h"
#include "lb/daemon/notify.h"
#include "lb/daemon/own_sockets.h"
#include "lb/daemon/preflight.h"
#include "lb/daemon/privileges.h"
#include "lb/daemon/state_file.h"
#include "lb/doctor/doctor.h"

namespace weir {
namespace {

namespace asio = boost::asio;

// Those that an earlier run left down.
std::vector<BackendKey> left_down(const Config &config, const TableState &tables) {
    std::vector<BackendKey> down;
    for (const auto &service : make_inventory(config, tables).services)
        for (const auto &backend : service.row.backends)
            if (backend.state == BackendState::down)
                down.push_back({service.name, backend.endpoint});
    return down;
}

Result<void> run_until_signal(const std::string &config_file) {
    auto read = load_config_text(config_file);
    if (!read)
        return tl::make_unexpected(read.error());
    const Config *config = &read->config;
    if (config->interfaces.empty() && !config->sockets)
        return check_interfaces(*config);
    if (auto allowed = check_privilege("weir run"); !allowed)
        return allowed;
    if (auto there = check_interfaces(*config); !there)
        return there;
    if (auto own = check_own_sockets(*config); !own)
        return own;

    configure_log(*config);
    asio::io_context loop(1);
    // from here on a signal waits until the loop runs: a start is never cut in half
    asio::signal_set signals(loop, SIGTERM, SIGINT, SIGHUP);
    auto listeners = Listeners::open(loop, *config);
    if (!listeners)
        return tl::make_unexpected(listeners.error());
    BackendControl::Moment begun{};
    auto state = StateFile(config->state_file).load();
    if (!state.warning.empty())
        spdlog::warn("{}", state.warning);
    begun.rosters.set_overrides(std::move(state.overrides), Rosters::Time{});
    Notices notices;
    const auto conditions = [&](const TableState &tables) {
        begun.at = std::chrono::steady_clock::now();
        begun.rosters.configure(*config, {}, begun.at, left_down(*config, tables));
        begun.conditions = begun.rosters.conditions(begun.at);
        return begun.conditions;
    };
    auto path = DataPath::bring_up(*config, conditions, notices);
    if (!path)
        return tl::make_unexpected(path.error());
    for (const auto &warning : start_warnings(*config))
        spdlog::warn("{}", warning);
    for (const auto &line : drop_privileges())
        spdlog::warn("{}", line);
    Daemon(loop, std::move(*read), std::move(*path), std::move(begun), std::move(*listeners),
           notices)
        .serve(signals);
    return {};
}

}  // namespace

Result<void> run_daemon(const std::string &config_file) {
    // a limit on the size of files is an error of write(2), as a full disk is, and not the end
    std::signal(SIGXFSZ, SIG_IGN);
    start_log();
    try {
        auto done = run_until_signal(config_file);
        if (!done)
            notify_failed(done.error().message, done.error().exit == Exit::usage ? EINVAL : EPERM);
        return done;
    } catch (const std::exception &error) {
        return fail(Exit::refused, fmt::format("weir run: {}", error.what()));
    }
}

}  // namespace weir
