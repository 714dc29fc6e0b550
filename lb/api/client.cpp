#include "lb/api/client.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "lb/api/answer.h"

namespace weir {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Unix = asio::local::stream_protocol;

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
        stream.expires_after(kAnswerTimeout);
        http::async_write(stream, request, [this](error_code failed, std::size_t) {
            error = failed;
            if (!error)
                http::async_read(stream, buffer, parser,
                                 [this](error_code cut, std::size_t) { error = cut; });
        });
        loop.run();
    }
};

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
    const auto &answer = exchange.parser.get();
    return judge_answer(answer.result_int(), answer.body(), socket);
}

}  // namespace weir
