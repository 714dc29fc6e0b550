// The admin API's resources, each answered from what the daemon tells at that moment.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "lb/api/flow_query.h"
#include "lb/api/http.h"
#include "lb/stats/metrics.h"
#include "lb/stats/snapshot.h"

namespace weir {

// What the resources ask for. All are called on the loop's thread; the walk that flows() returns
// runs on another one and owns what it needs.
struct AdminSource {
    std::function<Result<Snapshot>()> snapshot;
    std::function<const DaemonInfo &()> info;
    std::function<const Inventory &()> inventory;
    std::function<FlowWalk()> flows;
};

// GET /v1/status, /v1/services, /v1/backends, /v1/flows.
class AdminApi {
  public:
    AdminApi(boost::asio::io_context &loop, AdminSource source);
    ~AdminApi();  // ends a walk of the flows that is under way
    AdminApi(const AdminApi &) = delete;
    AdminApi &operator=(const AdminApi &) = delete;
    AdminApi(AdminApi &&) = delete;
    AdminApi &operator=(AdminApi &&) = delete;

    void handle(const HttpRequest &request, const HttpRespond &respond);

  private:
    HttpResponse listing(const HttpRequest &request) const;
    void flows(const HttpRequest &request, const HttpRespond &respond);

    boost::asio::io_context &loop_;
    AdminSource source_;
    std::atomic<bool> stop_ = false;
    boost::asio::thread_pool walker_{1};
};

// GET /metrics
HttpResponse answer_metrics(const HttpRequest &request, const Exporter &exporter);

}  // namespace weir
