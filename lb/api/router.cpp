#include "lb/api/router.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <set>

#include "lb/api/documents.h"

namespace weir {
namespace {

std::optional<Router::Names> match(std::string_view pattern,
                                   const std::vector<std::string> &segments) {
    Router::Names names;
    for (const auto &segment : segments) {
        if (pattern.empty())
            return std::nullopt;
        pattern.remove_prefix(1);  // the slash
        const auto wanted = pattern.substr(0, pattern.find('/'));
        pattern.remove_prefix(wanted.size());
        const bool any = !wanted.empty() && wanted.front() == '{';
        if (any && !segment.empty())
            names.push_back(segment);
        else if (wanted != segment)
            return std::nullopt;
    }
    return pattern.empty() ? std::optional(names) : std::nullopt;
}

HttpResponse refusal(unsigned status, const std::string &why) {
    return {status, "application/json", error_document(why).dump() + "\n"};
}

}  // namespace

void Router::add(std::string method, std::string path, Handler handler) {
    routes_.push_back({std::move(method), std::move(path), std::move(handler)});
}

void Router::handle(const HttpRequest &request, const HttpRespond &respond) const {
    std::set<std::string_view> methods;
    for (const auto &route : routes_) {
        const auto names = match(route.path, request.segments);
        if (!names)
            continue;
        if (route.method == request.method)
            return route.handler(request, *names, respond);
        methods.insert(route.method);
    }
    if (!methods.empty()) {
        const auto allow = fmt::format("{}", fmt::join(methods, ", "));
        auto response = refusal(405, fmt::format("this resource has only {}", allow));
        response.allow = allow;
        return respond(response);
    }
    std::set<std::string_view> paths;
    for (const auto &route : routes_)
        paths.insert(route.path);
    respond(refusal(404, fmt::format("no such resource: there are {}", fmt::join(paths, ", "))));
}

}  // namespace weir
