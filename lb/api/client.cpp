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

// One request and its answer, on a stream that is connected.
template <typename Stream>
class Exchange {
  public:
    Exchange(Stream &stream, const std::string &host, const ApiRequest &request) : stream_(stream) {
        request_.version(11);
        request_.method_string(request.method);
        request_.target(request.target);
        request_.set(http::field::host, host);
        request_.keep_alive(false);
        if (request.body) {
            request_.set(http::field::content_type, "application/json");
            request_.body() = request.body->dump(-1, ' ', false, Json::error_handler_t::replace);
        }
        request_.prepare_payload();
        parser_.body_limit(kAnswerLimit);
    }

    error_code run(asio::io_context &loop) {
        error_code error;
        beast::get_lowest_layer(stream_).expires_after(kAnswerTimeout);
        http::async_write(stream_, request_, [&](error_code, std::size_t) {
            // a server that has not read it all may have said why
            http::async_read(stream_, buffer_, parser_,
                             [&](error_code cut, std::size_t) { error = cut; });
        });
        loop.run();
        return error;
    }

    Result<Json> judge(const std::string &where) const {
        return judge_answer(parser_.get().result_int(), parser_.get().body(), where);
    }

  private:
    Stream &stream_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    http::response_parser<http::string_body> parser_;
};

}  // namespace

Result<Json> api_call(const std::string &socket, const ApiRequest &request) {
    if (socket.size() >= sizeof(sockaddr_un::sun_path))
        return fail(Exit::usage, fmt::format("{}: too long for the path of a socket", socket));
    asio::io_context loop;
    beast::basic_stream<Unix> stream(loop);
    Exchange exchange(stream, "weir", request);
    error_code error;
    stream.socket().connect(Unix::endpoint(socket), error);
    if (!error)
        error = exchange.run(loop);
    if (error)
        return no_answer(socket, error);
    return exchange.judge(socket);
}

Result<Json> api_call(const TlsServer &server, const ApiRequest &request) {
    const auto connection = TlsConnection::open(server);
    if (!connection)
        return tl::make_unexpected(connection.error());
    Exchange exchange((*connection)->stream(), server.at, request);
    if (const auto error = exchange.run((*connection)->loop()))
        return (*connection)->problem(error);
    return exchange.judge(server.at);
}

}  // namespace weir
