#include "lb/api/client.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace weir {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Unix = asio::local::stream_protocol;

constexpr std::chrono::seconds kTimeout{30};  // more than the daemon takes for the longest answer
constexpr std::uint64_t kAnswerLimit = 256 << 20;

struct Exchange {
    asio::io_context loop;
    beast::basic_stream<Unix> stream{loop};
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    http::response_parser<http::string_body> parser;
    error_code error;

    void run(const std::string &socket) {
        stream.socket().connect(Unix::endpoint(socket), error);
        if (error)
            return;
        parser.body_limit(kAnswerLimit);
        stream.expires_after(kTimeout);
        http::async_write(stream, request, [this](error_code failed, std::size_t) {
            error = failed;
            if (!error)
                http::async_read(stream, buffer, parser,
                                 [this](error_code cut, std::size_t) { error = cut; });
        });
        loop.run();
    }
};

Result<Json> judge(const http::response<http::string_body> &response, const std::string &socket) {
    auto document = Json::parse(response.body(), nullptr, false);
    if (document.is_discarded())
        return fail(Exit::failed, fmt::format("what answers at {} is no weir daemon", socket));
    if (response.result() == http::status::ok)
        return document;
    const auto why = document.contains("error") && document["error"].is_string()
                         ? document["error"].get<std::string>()
                         : fmt::format("HTTP status {}", response.result_int());
    switch (response.result()) {
        case http::status::bad_request:
        case http::status::not_found:
        case http::status::method_not_allowed:
        case http::status::payload_too_large:
            return fail(Exit::usage, why);
        default:
            return fail(Exit::failed, why);
    }
}

tl::unexpected<Error> no_answer(const std::string &socket, const error_code &error) {
    if (error == asio::error::access_denied)
        return fail(Exit::refused,
                    fmt::format("{}: permission denied: run it as root or as a member of the "
                                "socket's group (ls -l {} shows it, api.group sets it)",
                                socket, socket));
    if (error == beast::error::timeout)
        return fail(Exit::refused,
                    fmt::format("the weir daemon at {} does not answer within {} s: it may still "
                                "be at work (its log says more)",
                                socket, kTimeout.count()));
    return fail(Exit::refused, fmt::format("no weir daemon answers at {}: {} (is `weir run` "
                                           "running?)",
                                           socket, error.message()));
}

}  // namespace

Result<Json> api_call(const std::string &socket, const ApiRequest &request) {
    if (socket.size() >= sizeof(sockaddr_un::sun_path))
        return fail(Exit::usage, fmt::format("{}: too long for the path of a socket", socket));
    Exchange exchange;
    exchange.request.version(11);
    exchange.request.method_string(request.method);
    exchange.request.target(request.target);
    exchange.request.set(http::field::host, "weir");
    exchange.request.keep_alive(false);
    if (request.body) {
        exchange.request.set(http::field::content_type, "application/json");
        exchange.request.body() =
            request.body->dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    exchange.request.prepare_payload();
    exchange.run(socket);
    if (exchange.error)
        return no_answer(socket, exchange.error);
    return judge(exchange.parser.get(), socket);
}

}  // namespace weir
