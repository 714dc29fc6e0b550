#include "lb/api/observer.h"

#include <fmt/format.h>

#include "lb/web/assets.h"

namespace weir {
namespace {

HttpResponse text(unsigned status, std::string body) {
    return {status, "text/plain; charset=utf-8", std::move(body)};
}

HttpResponse answer_metrics(const Exporter &exporter) {
    auto body = exporter.text();
    if (body.empty())
        return text(500, "the data plane's tables cannot be read\n");
    return {200, "text/plain; version=0.0.4; charset=utf-8", std::move(body)};
}

}  // namespace

HttpResponse answer_ready(const DaemonInfo &info) {
    std::string missing;
    for (const AttachedInterface &one : info.interfaces)
        if (one.state != InterfaceState::attached)
            missing += fmt::format("not ready: {} is {}{}\n", one.name, to_string(one.state),
                                   one.reason.empty() ? "" : ": " + one.reason);
    return missing.empty() ? text(200, "ready\n") : text(503, missing);
}

Observer::Observer(const Exporter &exporter, const AdminApi &admin,
                   std::function<const DaemonInfo &()> info) {
    router_.add("GET", "/", [](const auto &request, const auto &, const auto &respond) {
        respond(answer_asset("page.html", request));
    });
    router_.add("GET", "/page/{file}",
                [](const auto &request, const auto &names, const auto &respond) {
                    respond(answer_asset(names[0], request));
                });
    router_.add("GET", "/metrics", [&exporter](const auto &, const auto &, const auto &respond) {
        respond(answer_metrics(exporter));
    });
    router_.add("GET", "/healthz", [](const auto &, const auto &, const auto &respond) {
        respond(text(200, "ok\n"));
    });
    router_.add("GET", "/readyz",
                [info = std::move(info)](const auto &, const auto &, const auto &respond) {
                    respond(answer_ready(info()));
                });
    for (const Router::Route &route : admin.routes())
        if (route.method == "GET")
            router_.add("GET", "/api" + route.path, route.handler);
}

}  // namespace weir
