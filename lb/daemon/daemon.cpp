#include "lb/daemon/daemon.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

#include "lb/api/change_log.h"
#include "lb/daemon/log.h"
#include "lb/daemon/notify.h"
#include "lb/daemon/own_sockets.h"
#include "lb/daemon/preflight.h"
#include "lb/daemon/state_file.h"

namespace weir {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMostApiBody = 65536;  // bytes

}  // namespace

Daemon::Daemon(asio::io_context &loop, ConfigText config, DataPath path,
               BackendControl::Moment begun, Listeners listeners, Notices &notices)
    : loop_(loop),
      notices_(notices),
      read_(std::move(config)),
      last_read_(read_.text),
      path_(std::move(path)),
      backends_(
          loop, std::move(begun), config_,
          [this](const auto &services, const Conditions &conditions) {
              return path_.set_conditions(config_, services, conditions);
          },
          notices),
      socket_(std::move(listeners.api.file)),
      collection_(loop, path_.tables(),
                  [this]() -> const Inventory & { return path_.inventory(); }),
      events_(loop, path_.tables(), [this]() -> const Inventory & { return path_.inventory(); }),
      recorder_(loop, path_.tables(), [this]() -> const Inventory & { return path_.inventory(); }),
      reaper_(
          loop, [this] { return path_.sockets().wanted() ? path_.sockets().tables() : nullptr; },
          [this]() -> const Inventory & { return path_.inventory(); }, notices),
      sockets_listening_(loop, path_.sockets(), notices),
      cgroup_watch_(loop, [this] { path_.look_after_sockets(config_); }),
      exporter_([this] { return collect(); }),
      admin_(loop, admin_source()),
      observer_(exporter_, admin_, [this]() -> const DaemonInfo & { return info_; }),
      api_(loop, std::move(listeners.api.acceptor),
           [this](const auto &request, const auto &respond) { admin_.handle(request, respond); },
           {.body_bytes = kMostApiBody}) {
    if (listeners.metrics)
        metrics_ = std::make_unique<HttpServer>(loop, std::move(*listeners.metrics),
                                                [this](const auto &request, const auto &respond) {
                                                    observer_.handle(request, respond);
                                                });
    if (listeners.api_tcp)
        api_tcp_ = std::make_unique<HttpServer>(
            loop, std::move(*listeners.api_tcp),
            log_changes([this](const auto &request, const auto &respond) {
                admin_.handle(request, respond);
            }),
            HttpLimits{.body_bytes = kMostApiBody}, std::move(listeners.tls));
    if (listeners.flow_log)
        flow_log_ = std::make_unique<FlowLog>(
            loop, path_.tables(), [this]() -> const Inventory & { return path_.inventory(); },
            std::move(*listeners.flow_log), *config_.flow_log);
    const auto now = std::chrono::system_clock::now();
    info_ = {WEIR_VERSION,       ::getpid(),      now,
             config_.instance,   config_.file,    path_.adopted(),
             path_.interfaces(), {true, now, ""}, path_.start_with()};
}

void Daemon::serve(asio::signal_set &signals) {
    follow_links();
    follow_file();
    note_ready();
    wait_for_signal(signals);
    notify_ready(status_line());
    const Watchdog watchdog(loop_);
    loop_.run();
    notify_stopping();
    spdlog::info("stopped; the data path goes on without the daemon (weir detach takes it off)");
}

AdminSource Daemon::admin_source() {
    AdminSource source;
    source.snapshot = [this] { return snapshot(); };
    source.info = [this]() -> const DaemonInfo & { return info_; };
    source.inventory = [this]() -> const Inventory & { return path_.inventory(); };
    source.flows = [this]() -> FlowWalk {
        return [tables = path_.tables()](const auto &from, const auto &go_on, const auto &visit) {
            return tables.for_each_flow(from, go_on, visit);
        };
    };
    source.flush = [this]() -> FlowFlush {
        return [tables = path_.tables()](const auto &wanted, const auto &go_on) {
            return tables.delete_flows(wanted, go_on);
        };
    };
    source.watch = [this](EventFilter filter) { return events_.watch(std::move(filter)); };
    source.reload = [this] { return reload_and_note(); };
    source.history = [this]() -> const History & { return recorder_.history(); };
    source.notices = [this]() -> const Notices & { return notices_; };
    source.overrides = [this]() -> const Overrides & { return backends_.rosters().overrides(); };
    source.backend_view = [this](const auto &key) { return backends_.view(key); };
    source.set_override = [this](const auto &key, const auto &change) {
        return backends_.set_override(key, change).map([&] { return keep_overrides(); });
    };
    source.clear_overrides = [this] {
        return backends_.clear_overrides().map([&] { return keep_overrides(); });
    };
    return source;
}

Result<Snapshot> Daemon::snapshot() {
    return read_snapshot(path_.tables(), path_.inventory(), collection_.census())
        .map([this](Snapshot snapshot) {
            snapshot.programs = path_.runs();
            if (flow_log_)
                snapshot.flow_log = flow_log_->stats();
            return snapshot;
        })
        .and_then([this](Snapshot snapshot) {
            return add_sockets(snapshot).map([&] { return std::move(snapshot); });
        });
}

Result<void> Daemon::add_sockets(Snapshot &snapshot) {
    const SocketPath &path = path_.sockets();
    if (path.tables() == nullptr || !path.wanted())
        return {};
    return read_socket_snapshot(*path.tables(), path.join(), path_.inventory(), cgroups_)
        .map([&](SocketSnapshot seen) {
            seen.cgroup = path.place().cgroup;
            seen.state = path.place().state;
            seen.reason = path.place().reason;
            seen.ended_tcp = reaper_.tcp();
            seen.ended_udp = reaper_.udp();
            seen.listening = sockets_listening_.listening();
            snapshot.sockets = std::move(seen);
        });
}

std::vector<prometheus::MetricFamily> Daemon::collect() {
    const auto seen = snapshot();
    if (seen)
        return to_metrics(
            *seen, info_, [this](const auto &key) { return backends_.view(key); },
            backends_.check_times());
    spdlog::error("metrics: {}", seen.error().message);
    return {};
}

void Daemon::note_ready() {
    std::string on;
    for (const auto &interface : info_.interfaces)
        if (interface.state == InterfaceState::attached)
            on += fmt::format(
                "{}{} ({}{})", on.empty() ? "" : ", ", interface.name, to_string(interface.hook),
                interface.hook == Hook::xdp ? fmt::format(" {}", to_string(interface.xdp_mode))
                                            : "");
    if (const auto &place = path_.sockets().place(); path_.sockets().wanted())
        on += fmt::format("{}the sockets of {}{}", on.empty() ? "" : " and ", place.cgroup,
                          place.state == InterfaceState::attached ? "" : ", which does not exist");
    note(notices_,
         {NoticeKind::start, LogLevel::info,
          fmt::format(
              "ready: instance {}{}, services: {}, backends: {}, on {}; API at {}{}, metrics at {}",
              info_.instance, info_.adopted ? " (goes on with the tables it found)" : "",
              path_.inventory().services.size(), path_.inventory().backends(), on,
              config_.api_socket,
              config_.api_tcp ? fmt::format(" and https://{}", config_.api_tcp->listen.to_string())
                              : "",
              config_.metrics ? config_.metrics->to_string() + "/metrics" : "no address")});
}

void Daemon::wait_for_signal(asio::signal_set &signals) {
    signals.async_wait([this, &signals](boost::system::error_code error, int signal) {
        if (error)
            return;
        if (signal != SIGHUP) {
            spdlog::info("{}: stopping", signal == SIGTERM ? "SIGTERM" : "SIGINT");
            loop_.stop();
            return;
        }
        static_cast<void>(reload_and_note());
        wait_for_signal(signals);
    });
}

// Neither is worth a daemon: it goes on without, as told.
void Daemon::follow_links() {
    auto watch = LinkWatch::open(loop_, [this] {
        if (path_.look_after(config_))
            info_.interfaces = path_.interfaces();
    });
    if (watch)
        links_ = std::move(*watch);
    else
        spdlog::warn("{}", watch.error().message);
}

void Daemon::follow_file() {
    if (!config_.watch)
        file_.reset();
    if (!config_.watch || file_)
        return;
    // later, for a reload may end the watch that asks for it
    auto watch = FileWatch::open(loop_, config_.file, last_read_, [this] {
        asio::post(loop_, [this] { static_cast<void>(reload_and_note()); });
    });
    if (watch)
        file_ = std::move(*watch);
    else
        spdlog::warn("{}", watch.error().message);
}

// Also where its path stays: what moves old lines away wants a new file.
Result<void> Daemon::reopen_flow_log(const Config &wanted, Fd &file) const {
    if (!flow_log_)
        return {};
    return open_flow_log(wanted).map([&](Fd opened) { file = std::move(opened); });
}

Result<void> Daemon::reload() {
    auto again = load_config_again(read_, last_read_);
    if (!again)
        return tl::make_unexpected(again.error());
    const Config *wanted = &again->config;
    auto backends = backends_.with(*wanted, changed_services(config_, *wanted));
    Fd flow_log;
    TlsContext tls;
    return check_reloadable(config_, *wanted)
        .and_then([&] { return check_interfaces(*wanted); })
        .and_then([&] { return check_own_sockets(*wanted); })
        .and_then([&] { return reopen_flow_log(*wanted, flow_log); })
        .and_then([&] { return load_tls(*wanted); })
        .map([&](TlsContext read) { tls = std::move(read); })
        .and_then(
            [&] { return path_.reload(config_, *wanted, backends.affected, backends.conditions); })
        .map([&] {
            const bool kept_elsewhere = wanted->state_file != config_.state_file;
            read_ = std::move(*again);
            if (flow_log_)
                flow_log_->change(std::move(flow_log), *config_.flow_log);
            backends_.configure(std::move(backends));
            if (kept_elsewhere)
                static_cast<void>(keep_overrides());  // logs what goes wrong
            info_.interfaces = path_.interfaces();
            if (api_tcp_)
                api_tcp_->renew(std::move(tls));
            follow_file();
            configure_log(config_);
        });
}

std::string Daemon::status_line() const {
    if (!info_.reload.successful)
        return "reload refused: " + info_.reload.error;
    return fmt::format("services: {}, backends: {}", path_.inventory().services.size(),
                       path_.inventory().backends());
}

Result<void> Daemon::reload_and_note() {
    notify_reloading();
    auto done = reload();
    note_reload(done);
    notify_ready(status_line());
    return done;
}

Warning Daemon::keep_overrides() const {
    return StateFile(config_.state_file).keep(backends_.rosters().overrides());
}

void Daemon::note_reload(const Result<void> &done) {
    info_.reload.successful = done.has_value();
    ++(done ? info_.reload.done : info_.reload.refused);
    info_.reload.error = done ? "" : done.error().message;
    if (done)
        info_.reload.last_success = std::chrono::system_clock::now();
    if (done)
        note(notices_,
             {NoticeKind::reload, LogLevel::info,
              fmt::format("reloaded {}, services: {}, backends: {}", config_.file,
                          path_.inventory().services.size(), path_.inventory().backends())});
    else
        note(notices_,
             {NoticeKind::reload, LogLevel::error, "reload refused: " + done.error().message});
}

}  // namespace weir
