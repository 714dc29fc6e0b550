#include <algorithm>

#include "lb/api/documents.h"
#include "lb/web/assets.h"

namespace weir {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace

HttpResponse answer_asset(std::string_view name, const HttpRequest &request) {
    const auto all = assets();
    const auto asset =
        std::find_if(all.begin(), all.end(), [&](const Asset &one) { return one.name == name; });
    if (asset == all.end())
        return {404, "application/json", error_document("the page has no such file").dump() + "\n"};
    const bool known = request.if_none_match.find(asset->etag) != std::string::npos;
    HttpResponse response{known ? 304U : 200U, std::string(asset->content_type),
                          known ? "" : std::string(asset->body)};
    // kept, and asked for again each time: the next version of the daemon has another page
    response.headers = {{"ETag", asset->etag},
                        {"Cache-Control", "no-cache"},
                        {"Content-Security-Policy", kPolicy},
                        {"X-Content-Type-Options", "nosniff"},
                        {"Referrer-Policy", "no-referrer"}};
    return response;
}

}  // namespace weir
