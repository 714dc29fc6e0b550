// The other end of the admin API: one request, over the Unix socket or over TCP with mutual TLS.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "lb/api/documents.h"
#include "lb/api/tls_client.h"
#include "lb/result.h"

namespace weir {

struct ApiRequest {
    std::string method;  // "PATCH"
    std::string target;  // "/v1/flows?service=web", encoded
    std::optional<Json> body{};
};

// Exit::refused when no daemon answers within some seconds, or this user may not ask it;
// Exit::usage when the request is wrong (400, 404, 405, 413); Exit::failed for every other answer
// that is none of 200.
Result<Json> api_call(const std::string &socket, const ApiRequest &request);

// The same over TCP; errors also as of TlsConnection::open().
Result<Json> api_call(const TlsServer &server, const ApiRequest &request);
// The same while `loop` goes on with other things: `done` is called from there, unless the loop
// ends before; after `patience` at the latest, with Exit::refused.
void api_call(boost::asio::io_context &loop, const std::string &socket, const ApiRequest &request,
              std::chrono::seconds patience, std::function<void(Result<Json>)> done);

inline Result<Json> api_get(const std::string &socket, const std::string &target) {
    return api_call(socket, {"GET", target});
}

}  // namespace weir
