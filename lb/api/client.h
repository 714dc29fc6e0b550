// The other end of the admin API: one request, over the Unix socket or over TCP with mutual TLS.
#pragma once

#include <optional>
#include <string>

#include "lb/api/documents.h"
#include "lb/api/tls.h"
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

// A daemon that is asked over TCP.
struct TlsServer {
    std::string at;  // HOST:PORT; the host, a name or an address, is to be in its certificate
    TlsFiles files;  // certificate and key: this client's
};

// The same; Exit::usage also when `at` is no HOST:PORT, Exit::refused also when one end does not
// take the other's certificate, or a file cannot be used.
Result<Json> api_call(const TlsServer &server, const ApiRequest &request);

inline Result<Json> api_get(const std::string &socket, const std::string &target) {
    return api_call(socket, {"GET", target});
}

}  // namespace weir
