// The daemon's event loop: data path, backends' health, admin API and exporter.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <string>
#include <vector>

#include "lb/api/admin.h"
#include "lb/api/http_server.h"
#include "lb/api/observer.h"
#include "lb/config/config.h"
#include "lb/config/reread.h"
#include "lb/daemon/backend_control.h"
#include "lb/daemon/cgroup_watch.h"
#include "lb/daemon/collection.h"
#include "lb/daemon/data_path.h"
#include "lb/daemon/event_stream.h"
#include "lb/daemon/file_watch.h"
#include "lb/daemon/flow_log.h"
#include "lb/daemon/link_watch.h"
#include "lb/daemon/listener_watch.h"
#include "lb/daemon/listeners.h"
#include "lb/daemon/recorder.h"
#include "lb/daemon/socket_reaper.h"
#include "lb/result.h"

namespace weir {

class Daemon {
  public:
    // `loop` and `notices` outlive it.
    Daemon(boost::asio::io_context &loop, ConfigText config, DataPath path,
           BackendControl::Moment begun, Listeners listeners, Notices &notices);

    // Until one of `signals` comes that is not SIGHUP, which reloads.
    void serve(boost::asio::signal_set &signals);

  private:
    AdminSource admin_source();
    Result<Snapshot> snapshot();
    Result<void> add_sockets(Snapshot &snapshot);
    std::vector<prometheus::MetricFamily> collect();
    void note_ready();
    void wait_for_signal(boost::asio::signal_set &signals);
    void follow_links();
    void follow_file();
    Result<void> reload();
    Result<void> reopen_flow_log(const Config &wanted, Fd &file) const;
    Result<void> reload_and_note();
    void note_reload(const Result<void> &done);
    // One line for the service manager.
    std::string status_line() const;
    Warning keep_overrides() const;

    boost::asio::io_context &loop_;
    Notices &notices_;
    ConfigText read_;        // and in force
    std::string last_read_;  // what the file held then, also if it was refused
    Config &config_ = read_.config;
    DataPath path_;
    BackendControl backends_;
    SocketFile socket_;
    Collection collection_;
    EventStream events_;
    std::unique_ptr<FlowLog> flow_log_;
    HistoryRecorder recorder_;
    SocketReaper reaper_;
    ListenerWatch sockets_listening_;
    CgroupWatch cgroup_watch_;
    CgroupNames cgroups_;
    DaemonInfo info_;
    Exporter exporter_;
    AdminApi admin_;
    Observer observer_;
    HttpServer api_;
    std::unique_ptr<HttpServer> api_tcp_;
    std::unique_ptr<HttpServer> metrics_;
    std::unique_ptr<LinkWatch> links_;
    std::shared_ptr<FileWatch> file_;
};

}  // namespace weir
