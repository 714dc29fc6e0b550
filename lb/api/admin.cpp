#include "lb/api/admin.h"

#include <boost/asio/post.hpp>

namespace weir {
namespace {

constexpr std::chrono::seconds kWalkTime{5};

HttpResponse json(const Json &document, unsigned status = 200) {
    // names come from a file that may hold any bytes: what is no UTF-8 is replaced, not thrown at
    return {status, "application/json",
            document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

HttpResponse failure(const Error &error) {
    return json(error_document(error.message), error.exit == Exit::usage ? 400 : 500);
}

HttpResponse text(unsigned status, std::string body) {
    return {status, "text/plain; charset=utf-8", std::move(body)};
}

}  // namespace

AdminApi::AdminApi(boost::asio::io_context &loop, AdminSource source)
    : loop_(loop), source_(std::move(source)) {}

AdminApi::~AdminApi() {
    stop_ = true;
    walker_.join();
}

void AdminApi::handle(const HttpRequest &request, const HttpRespond &respond) {
    if (request.path == "/v1/flows")
        flows(request, respond);
    else
        respond(listing(request));
}

HttpResponse AdminApi::listing(const HttpRequest &request) const {
    const bool status = request.path == "/v1/status";
    const bool services = request.path == "/v1/services";
    if (!status && !services && request.path != "/v1/backends")
        return json(error_document("no such resource: there are /v1/status, /v1/services, "
                                   "/v1/backends and /v1/flows"),
                    404);
    const auto snapshot = source_.snapshot();
    if (!snapshot)
        return failure(snapshot.error());
    if (status)
        return json(status_document(source_.info(), *snapshot, std::chrono::system_clock::now()));
    return json(services ? services_document(*snapshot) : backends_document(*snapshot));
}

void AdminApi::flows(const HttpRequest &request, const HttpRespond &respond) {
    const auto filter = parse_flow_filter(request.query, source_.inventory());
    if (!filter)
        return respond(failure(filter.error()));
    boost::asio::post(walker_, [this, filter = *filter, inventory = source_.inventory(),
                                walk = source_.flows(), respond = respond]() mutable {
        const auto deadline = std::chrono::steady_clock::now() + kWalkTime;
        auto document = flows_document(walk, filter, inventory, deadline, stop_);
        auto response = document ? json(*document) : failure(document.error());
        // moved, so that the connection behind it is never released on this thread
        boost::asio::post(loop_, [respond = std::move(respond), response = std::move(response)] {
            respond(response);
        });
    });
}

HttpResponse answer_metrics(const HttpRequest &request, const Exporter &exporter) {
    if (request.path != "/metrics")
        return text(404, "no such resource: there is /metrics\n");
    auto body = exporter.text();
    if (body.empty())
        return text(500, "the data plane's tables cannot be read\n");
    return {200, "text/plain; version=0.0.4; charset=utf-8", std::move(body)};
}

}  // namespace weir
