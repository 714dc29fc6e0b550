// What is served over TCP to whoever reaches the port: the status page, metrics, the daemon's own
// health, and the admin API's listings. Nothing here changes anything.
#pragma once

#include <functional>

#include "lb/api/admin.h"
#include "lb/api/http.h"
#include "lb/api/router.h"
#include "lb/stats/metrics.h"
#include "lb/stats/snapshot.h"

namespace weir {

// GET / (the status page; what it is made of is below /page), /metrics, /healthz (200 as long as
// the daemon answers), /readyz (answer_ready()), and /api/v1/... for every GET /v1/... of the admin
// API.
class Observer {
  public:
    // All outlive it; `info` is called on the loop's thread.
    Observer(const Exporter &exporter, const AdminApi &admin,
             std::function<const DaemonInfo &()> info);

    void handle(const HttpRequest &request, const HttpRespond &respond) const {
        router_.handle(request, respond);
    }

  private:
    Router router_;
};

// 200 when every interface of the configuration carries the data path, 503 and those that do not
// when traffic may be sent here in vain.
HttpResponse answer_ready(const DaemonInfo &info);

}  // namespace weir
