#include "lb/daemon/daemon.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <exception>
#include <memory>
#include <optional>

#include "lb/api/admin.h"
#include "lb/api/http_server.h"
#include "lb/api/listen.h"
#include "lb/daemon/collection.h"
#include "lb/daemon/data_path.h"
#include "lb/daemon/file_watch.h"
#include "lb/daemon/link_watch.h"
#include "lb/daemon/log.h"
#include "lb/daemon/notify.h"
#include "lb/daemon/preflight.h"
#include "lb/daemon/privileges.h"
#include "lb/doctor/doctor.h"

namespace weir {
namespace {

namespace asio = boost::asio;

// The sockets, bound but not served yet.
struct Listeners {
    UnixListener api;
    std::optional<Acceptor> metrics;

    static Result<Listeners> open(asio::io_context &loop, const Config &config) {
        auto api = listen_unix(loop, config.api_socket,
                               place(config.file, config.marks.api_socket) + ": api.socket");
        if (!api)
            return tl::make_unexpected(api.error());
        Listeners listeners{std::move(*api), std::nullopt};
        if (config.metrics) {
            auto metrics =
                listen_tcp(loop, *config.metrics,
                           place(config.file, config.marks.metrics_listen) + ": metrics.listen");
            if (!metrics)
                return tl::make_unexpected(metrics.error());
            listeners.metrics = std::move(*metrics);
        }
        return listeners;
    }
};

class Daemon {
  public:
    Daemon(asio::io_context &loop, Config config, DataPath path, Listeners listeners)
        : loop_(loop),
          config_(std::move(config)),
          path_(std::move(path)),
          socket_(std::move(listeners.api.file)),
          collection_(loop, path_.tables(),
                      [this]() -> const Inventory & { return path_.inventory(); }),
          exporter_([this] { return collect(); }),
          admin_(loop, admin_source()),
          api_(loop, std::move(listeners.api.acceptor),
               [this](const auto &request, const auto &respond) {
                   admin_.handle(request, respond);
               }) {
        if (listeners.metrics)
            metrics_ =
                std::make_unique<HttpServer>(loop, std::move(*listeners.metrics),
                                             [this](const auto &request, const auto &respond) {
                                                 respond(answer_metrics(request, exporter_));
                                             });
        const auto now = std::chrono::system_clock::now();
        info_ = {WEIR_VERSION,       ::getpid(),     now,
                 config_.instance,   config_.file,   path_.adopted(),
                 path_.interfaces(), {true, now, ""}};
    }

    void serve(asio::signal_set &signals) {
        follow_links();
        follow_file();
        log_ready();
        wait_for_signal(signals);
        notify_ready(status_line());
        const Watchdog watchdog(loop_);
        loop_.run();
        notify_stopping();
        spdlog::info(
            "stopped; the data path goes on without the daemon (weir detach takes it off)");
    }

  private:
    AdminSource admin_source() {
        return {[this] { return snapshot(); }, [this]() -> const DaemonInfo & { return info_; },
                [this]() -> const Inventory & { return path_.inventory(); },
                [this]() -> FlowWalk {
                    return [tables = path_.tables()](const auto &visit) {
                        return tables.for_each_flow(visit);
                    };
                }};
    }

    Result<Snapshot> snapshot() {
        return read_snapshot(path_.tables(), path_.inventory(), collection_.census());
    }

    std::vector<prometheus::MetricFamily> collect() {
        const auto seen = snapshot();
        if (seen)
            return to_metrics(*seen, info_);
        spdlog::error("metrics: {}", seen.error().message);
        return {};
    }

    void log_ready() const {
        std::string on;
        for (const auto &interface : info_.interfaces)
            if (interface.state == InterfaceState::attached)
                on += fmt::format("{}{} ({}{})", on.empty() ? "" : ", ", interface.name,
                                  to_string(interface.hook),
                                  interface.hook == Hook::xdp
                                      ? fmt::format(" {}", to_string(interface.xdp_mode))
                                      : "");
        spdlog::info(
            "ready: instance {}{}, services: {}, backends: {}, on {}; API at {}, metrics at {}",
            info_.instance, info_.adopted ? " (goes on with the tables it found)" : "",
            path_.inventory().services.size(), path_.inventory().backends(), on, config_.api_socket,
            config_.metrics ? config_.metrics->to_string() + "/metrics" : "no address");
    }

    void wait_for_signal(asio::signal_set &signals) {
        signals.async_wait([this, &signals](boost::system::error_code error, int signal) {
            if (error)
                return;
            if (signal != SIGHUP) {
                spdlog::info("{}: stopping", signal == SIGTERM ? "SIGTERM" : "SIGINT");
                loop_.stop();
                return;
            }
            reload_and_tell();
            wait_for_signal(signals);
        });
    }

    // Neither is worth a daemon: it goes on without, as told.
    void follow_links() {
        auto watch = LinkWatch::open(loop_, [this] {
            if (path_.look_after(config_))
                info_.interfaces = path_.interfaces();
        });
        if (watch)
            links_ = std::move(*watch);
        else
            spdlog::warn("{}", watch.error().message);
    }

    void follow_file() {
        if (!config_.watch)
            file_.reset();
        if (!config_.watch || file_)
            return;
        // later, for a reload may end the watch that asks for it
        auto watch = FileWatch::open(loop_, config_.file,
                                     [this] { asio::post(loop_, [this] { reload_and_tell(); }); });
        if (watch)
            file_ = std::move(*watch);
        else
            spdlog::warn("{}", watch.error().message);
    }

    void reload_and_tell() {
        notify_reloading();
        note_reload(reload());
        notify_ready(status_line());
    }

    Result<void> reload() {
        auto wanted = load_config(config_.file);
        if (!wanted)
            return tl::make_unexpected(wanted.error());
        return check_reloadable(config_, *wanted)
            .and_then([&] { return check_interfaces(*wanted); })
            .and_then([&] { return path_.reload(*wanted); })
            .map([&] {
                config_ = std::move(*wanted);
                info_.interfaces = path_.interfaces();
                follow_file();
                configure_log(config_);
            });
    }

    // One line for the service manager.
    std::string status_line() const {
        if (!info_.reload.successful)
            return "reload refused: " + info_.reload.error;
        return fmt::format("services: {}, backends: {}", path_.inventory().services.size(),
                           path_.inventory().backends());
    }

    void note_reload(const Result<void> &done) {
        info_.reload.successful = done.has_value();
        info_.reload.error = done ? "" : done.error().message;
        if (done)
            info_.reload.last_success = std::chrono::system_clock::now();
        if (done)
            spdlog::info("reloaded {}, services: {}, backends: {}", config_.file,
                         path_.inventory().services.size(), path_.inventory().backends());
        else
            spdlog::error("reload refused: {}", done.error().message);
    }

    asio::io_context &loop_;
    Config config_;
    DataPath path_;
    SocketFile socket_;
    Collection collection_;
    DaemonInfo info_;
    Exporter exporter_;
    AdminApi admin_;
    HttpServer api_;
    std::unique_ptr<HttpServer> metrics_;
    std::unique_ptr<LinkWatch> links_;
    std::unique_ptr<FileWatch> file_;
};

Result<void> run_until_signal(const std::string &config_file) {
    auto config = load_config(config_file);
    if (!config)
        return tl::make_unexpected(config.error());
    if (config->interfaces.empty())
        return check_interfaces(*config);
    if (auto allowed =
            check_privilege("weir run").and_then([&] { return check_adoption(*config); });
        !allowed)
        return allowed;
    if (auto there = check_interfaces(*config); !there)
        return there;

    configure_log(*config);
    asio::io_context loop(1);
    // from here on a signal waits until the loop runs: a start is never cut in half
    asio::signal_set signals(loop, SIGTERM, SIGINT, SIGHUP);
    auto listeners = Listeners::open(loop, *config);
    if (!listeners)
        return tl::make_unexpected(listeners.error());
    auto path = DataPath::bring_up(*config);
    if (!path)
        return tl::make_unexpected(path.error());
    for (const auto &warning : start_warnings(*config))
        spdlog::warn("{}", warning);
    for (const auto &line : drop_privileges())
        spdlog::warn("{}", line);
    Daemon(loop, std::move(*config), std::move(*path), std::move(*listeners)).serve(signals);
    return {};
}

}  // namespace

Result<void> run_daemon(const std::string &config_file) {
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
