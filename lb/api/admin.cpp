#include "lb/api/admin.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "lb/api/backend_query.h"
#include "lb/api/change.h"
#include "lb/api/flow_count.h"
#include "lb/api/near.h"
#include "lb/api/past.h"

namespace weir {
namespace {

// From a request on; a client waits longer. Those that wait for another one's walk have less.
constexpr std::chrono::seconds kWalkTime{25};
// From its own beginning on: the next page goes on.
constexpr std::chrono::seconds kPageTime{2};
constexpr int kWalkerNice = 5;

HttpResponse json(std::string text, unsigned status = 200) {
    return {status, "application/json", std::move(text) + "\n"};
}

HttpResponse json(const Json &document, unsigned status = 200) {
    return json(dump(document), status);
}

HttpResponse failure(const std::string &message, unsigned status) {
    return json(error_document(message), status);
}

HttpResponse failure(const Error &error) {
    return failure(error.message, error.exit == Exit::usage ? 400 : 500);
}

Result<BackendKey> parse_key(const Router::Names &names) {
    const auto endpoint = Endpoint::parse(names[1]);
    if (!endpoint)
        return fail(
            Exit::usage,
            fmt::format("backend \"{}\": expected ADDRESS:PORT or [IPV6-ADDRESS]:PORT", names[1]));
    return BackendKey{names[0], *endpoint};
}

std::string unknown_backend(const InventoryService &service, const std::string &name) {
    std::vector<std::string> names;
    for (const auto &backend : service.row.backends)
        names.push_back(backend.endpoint.to_string());
    return fmt::format("service {} has no backend \"{}\"{} (weir backends lists them)",
                       service.name, name, did_you_mean(name, names));
}

}  // namespace

AdminApi::AdminApi(boost::asio::io_context &loop, AdminSource source)
    : loop_(loop), source_(std::move(source)) {
    add_listings();
    add_backends();
    add_past();
    add_changes();
    add_flows();
    // packets, and the loop, come first; nice(2) is the thread's
    boost::asio::post(walker_, [] { static_cast<void>(::nice(kWalkerNice)); });
}

AdminApi::~AdminApi() {
    stop_ = true;
    walker_.join();
}

void AdminApi::add(const char *method, const char *path, Answer answer) {
    router_.add(
        method, path,
        [answer = std::move(answer)](const auto &request, const auto &names, const auto &respond) {
            respond(answer(request, names));
        });
}

HttpResponse AdminApi::of_snapshot(const std::function<Json(const Snapshot &)> &document) const {
    const auto snapshot = source_.snapshot();
    return snapshot ? json(document(*snapshot)) : failure(snapshot.error());
}

void AdminApi::add_listings() {
    add("GET", "/v1/status", [this](const auto &, const auto &) {
        return of_snapshot([this](const Snapshot &snapshot) {
            return status_document(source_.info(), snapshot, source_.overrides().size(),
                                   std::chrono::system_clock::now());
        });
    });
    add("GET", "/v1/services", [this](const auto &, const auto &) {
        return of_snapshot([this](const Snapshot &snapshot) {
            return services_document(snapshot, source_.backend_view);
        });
    });
    add("GET", "/v1/overrides", [this](const auto &, const auto &) {
        return json(overrides_document(source_.overrides(), source_.backend_view));
    });
    add("GET", "/v1/monitor",
        [this](const auto &request, const auto &) { return monitor(request); });
}

HttpResponse AdminApi::monitor(const HttpRequest &request) const {
    auto filter = parse_event_filter(request.query, source_.inventory());
    if (!filter)
        return failure(filter.error());
    auto body = source_.watch(std::move(*filter));
    if (!body)
        return failure(body.error().message, 503);
    HttpResponse response{200, "application/x-ndjson", ""};
    response.stream = std::move(*body);
    return response;
}

void AdminApi::add_backends() {
    add("GET", "/v1/backends", [this](const auto &request, const auto &) {
        const auto filter = parse_backend_filter(request.query, source_.inventory());
        if (!filter)
            return failure(filter.error());
        return of_snapshot([&](const Snapshot &snapshot) {
            return backends_document(snapshot, source_.backend_view, *filter);
        });
    });
}

void AdminApi::add_past() {
    add("GET", "/v1/history", [this](const auto &request, const auto &) {
        const auto query = parse_history_query(request.query, source_.inventory());
        return query ? json(history_document(source_.history(), source_.info().started, *query))
                     : failure(query.error());
    });
    add("GET", "/v1/events", [this](const auto &request, const auto &) {
        const auto after = parse_events_query(request.query);
        return after ? json(events_document(source_.notices(), source_.info().started, *after))
                     : failure(after.error());
    });
}

void AdminApi::add_changes() {
    add("PATCH", "/v1/services/{service}/backends/{backend}",
        [this](const auto &request, const auto &names) {
            const auto key = known_backend(names);
            return key ? change(*key, request.body) : failure(key.error().message, 404);
        });
    add("DELETE", "/v1/overrides", [this](const auto &, const auto &) {
        const auto count = source_.overrides().size();
        const auto warning = source_.clear_overrides();
        return warning ? json(removal_document(count, *warning)) : failure(warning.error());
    });
    add("DELETE", "/v1/overrides/{service}/{backend}", [this](const auto &, const auto &names) {
        const auto key = parse_key(names);
        return key ? remove(*key) : failure(key.error().message, 404);
    });
    add("POST", "/v1/reload", [this](const auto &, const auto &) { return reload(); });
}

Result<BackendKey> AdminApi::known_backend(const Router::Names &names) const {
    const auto *service = source_.inventory().find(names[0]);
    if (service == nullptr)
        return fail(Exit::usage, unknown_service(names[0], source_.inventory()));
    auto key = parse_key(names);
    if (!key || !source_.backend_view(*key))
        return fail(Exit::usage, unknown_backend(*service, names[1]));
    return key;
}

HttpResponse AdminApi::change(const BackendKey &key, const std::string &body) const {
    const auto &overrides = source_.overrides();
    const auto current = overrides.find(key);
    const auto wanted =
        apply_change(current == overrides.end() ? Override{} : current->second, body);
    if (!wanted)
        return failure(wanted.error());
    const auto warning = source_.set_override(key, *wanted);
    if (!warning)
        return failure(warning.error());
    return json(change_document(key, source_.backend_view(key).value_or(BackendView{}), *warning));
}

HttpResponse AdminApi::remove(const BackendKey &key) const {
    if (source_.overrides().count(key) == 0)
        return failure(fmt::format("there is no override for backend {} of service {} (weir "
                                   "overrides lists them)",
                                   key.endpoint.to_string(), key.service),
                       404);
    const auto warning = source_.set_override(key, {});
    return warning ? json(removal_document(1, *warning)) : failure(warning.error());
}

HttpResponse AdminApi::reload() const {
    const auto done = source_.reload();
    return done ? json({{"reload", reload_document(source_.info().reload)}})
                : failure(done.error().message, 409);
}

void AdminApi::beside(const HttpRespond &respond, std::chrono::steady_clock::duration most,
                      std::function<Result<std::string>(const GoOn &)> work) {
    using Clock = std::chrono::steady_clock;
    const auto latest = Clock::now() + kWalkTime;
    boost::asio::post(walker_, [this, latest, most, respond = HttpRespond(respond),
                                work = std::move(work)]() mutable {
        const auto deadline = std::min(latest, Clock::now() + most);
        const auto document = work([&] { return !stop_ && Clock::now() < deadline; });
        auto response = document ? json(*document) : failure(document.error());
        // moved, so that the connection behind it is never released on this thread
        boost::asio::post(loop_, [respond = std::move(respond), response = std::move(response)] {
            respond(response);
        });
    });
}

void AdminApi::add_flows() {
    router_.add("GET", "/v1/flows", [this](const auto &request, const auto &, const auto &respond) {
        const auto query = parse_flow_query(request.query, source_.inventory());
        if (!query)
            return respond(failure(query.error()));
        beside(respond, query->page ? kPageTime : kWalkTime,
               [query = *query, names = ServiceNames(source_.inventory()), walk = source_.flows()](
                   const GoOn &go_on) { return flows_document(walk, query, names, go_on); });
    });
    router_.add(
        "GET", "/v1/flows/count", [this](const auto &request, const auto &, const auto &respond) {
            const auto query = parse_flow_count(request.query, source_.inventory());
            if (!query)
                return respond(failure(query.error()));
            beside(
                respond, kWalkTime,
                [query = *query, names = ServiceNames(source_.inventory()), walk = source_.flows()](
                    const GoOn &go_on) { return count_document(walk, query, names, go_on); });
        });
    router_.add("DELETE", "/v1/flows",
                [this](const auto &request, const auto &, const auto &respond) {
                    const auto filter = parse_flush_filter(request.query, source_.inventory());
                    if (!filter)
                        return respond(failure(filter.error()));
                    beside(respond, kWalkTime,
                           [filter = *filter, flush = source_.flush()](const GoOn &go_on) {
                               return flush_document(flush, filter, go_on);
                           });
                });
}

}  // namespace weir
