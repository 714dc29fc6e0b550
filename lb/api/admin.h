// The admin API's resources, each answered from what the daemon tells at that moment.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>

#include "lb/api/event_query.h"
#include "lb/api/flow_query.h"
#include "lb/api/http.h"
#include "lb/api/router.h"
#include "lb/stats/history.h"
#include "lb/stats/notices.h"
#include "lb/stats/snapshot.h"

namespace weir {

// What the operator should know of a change that was made all the same: one line, or nothing.
using Warning = std::string;

// What the resources ask for. All are called on the loop's thread; what flows() and flush() return
// runs on another one and owns what it needs.
struct AdminSource {
    std::function<Result<Snapshot>()> snapshot;
    std::function<const DaemonInfo &()> info;
    std::function<const Inventory &()> inventory;
    std::function<const History &()> history;
    std::function<const Notices &()> notices;
    std::function<FlowWalk()> flows;
    std::function<FlowFlush()> flush;
    BackendViews backend_view;
    std::function<const Overrides &()> overrides;
    // In place of the one that there was; an empty one removes it. After an error nothing has
    // changed.
    std::function<Result<Warning>(const BackendKey &, const Override &)> set_override;
    std::function<Result<Warning>()> clear_overrides;
    // What happens from now on, as lines; until its reader goes.
    std::function<Result<std::shared_ptr<HttpBody>>(EventFilter)> watch;
    // As SIGHUP; info() tells of it afterwards.
    std::function<Result<void>()> reload;
};

// The resources of docs/openapi.yaml.
class AdminApi {
  public:
    AdminApi(boost::asio::io_context &loop, AdminSource source);
    ~AdminApi();  // ends a walk of the flows that is under way
    AdminApi(const AdminApi &) = delete;
    AdminApi &operator=(const AdminApi &) = delete;
    AdminApi(AdminApi &&) = delete;
    AdminApi &operator=(AdminApi &&) = delete;

    void handle(const HttpRequest &request, const HttpRespond &respond) {
        router_.handle(request, respond);
    }
    const std::vector<Router::Route> &routes() const { return router_.routes(); }

  private:
    using Answer = std::function<HttpResponse(const HttpRequest &, const Router::Names &)>;

    void add(const char *method, const char *path, Answer answer);
    void add_listings();
    void add_backends();
    void add_past();
    void add_changes();
    void add_flows();
    HttpResponse monitor(const HttpRequest &request) const;
    HttpResponse of_snapshot(const std::function<Json(const Snapshot &)> &document) const;
    HttpResponse change(const BackendKey &key, const std::string &body) const;
    HttpResponse remove(const BackendKey &key) const;
    Result<BackendKey> known_backend(const Router::Names &names) const;
    HttpResponse reload() const;
    // Has `work`, which makes a document, done beside the loop, which goes on; it may take `most`.
    void beside(const HttpRespond &respond, std::chrono::steady_clock::duration most,
                std::function<Result<std::string>(const GoOn &)> work);

    boost::asio::io_context &loop_;
    AdminSource source_;
    Router router_;
    std::atomic<bool> stop_ = false;
    boost::asio::thread_pool walker_{1};
};

}  // namespace weir
