#include "lb/api/change_log.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace weir {

HttpHandler log_changes(HttpHandler handler) {
    return [handler = std::move(handler)](const HttpRequest &request, const HttpRespond &respond) {
        if (request.method == "GET")
            return handler(request, respond);
        const auto line = fmt::format("{} {} by {}", request.method, request.target, request.who);
        handler(request, [line, respond](HttpResponse response) {
            if (response.status == 200)
                spdlog::info("{}", line);
            respond(std::move(response));
        });
    };
}

}  // namespace weir
