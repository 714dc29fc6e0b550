// Requests and answers of the two HTTP servers, apart from any socket.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lb/api/http_body.h"

namespace weir {

struct HttpRequest {
    std::string method;  // "GET"
    std::string path;    // decoded, without the query
    // What is between its slashes, split before it was decoded: a name may hold an encoded slash.
    std::vector<std::string> segments;
    std::map<std::string, std::string> query;
    std::string body;
    std::string target{};         // path and query as they came
    std::string who{};            // who asks, where TLS tells: "CN=ops from 203.0.113.9"
    std::string if_none_match{};  // the header of that name; empty: none
};

struct HttpResponse {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::string allow{};  // of a 405: the methods that the resource has, "GET, DELETE"
    std::vector<std::pair<std::string_view, std::string_view>>
        headers{};                       // more of them, constants
    std::shared_ptr<HttpBody> stream{};  // in place of `body`: chunked, until it ends
};

// Called once, on the thread of the event loop, now or later.
using HttpRespond = std::function<void(HttpResponse)>;
using HttpHandler = std::function<void(const HttpRequest &, const HttpRespond &)>;

// Splits "/v1/flows?client=192.0.2.1&limit=10". Nothing for a target that is no path, or whose
// percent-encoding is broken. Of a key that comes twice the last one counts.
std::optional<HttpRequest> parse_target(std::string_view method, std::string_view target);

// The other way round; what has no value is left out.
std::string make_target(std::string path,
                        const std::vector<std::pair<std::string, std::string>> &query);

// Percent-encodes everything but the unreserved characters of RFC 3986, section 2.3.
std::string url_encode(std::string_view text);

}  // namespace weir
