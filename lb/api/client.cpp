#include "lb/api/client.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <utility>

#include "lb/api/answer.h"

namespace weir {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Unix = asio::local::stream_protocol;

constexpr std::uint64_t kAnswerLimit = 256 << 20;

// A request and its answer. It lives as long as something is under way.
class Exchange : public std::enable_shared_from_this<Exchange> {
  public:
    using Done = std::function<void(const error_code &, const http::response<http::string_body> &)>;

    Exchange(asio::io_context &loop, http::request<http::string_body> request, Done done)
        : stream_(loop), request_(std::move(request)), done_(std::move(done)) {
        parser_.body_limit(kAnswerLimit);
    }

    void run(const std::string &socket, std::chrono::seconds patience) {
        stream_.expires_after(patience);
        stream_.async_connect(Unix::endpoint(socket), [self = shared_from_this()](auto error) {
            self->go_on(error, &Exchange::write);
        });
    }

  private:
    void go_on(const error_code &error, void (Exchange::*next)()) {
        if (error)
            done_(error, {});
        else
            (this->*next)();
    }
    void write() {
        http::async_write(stream_, request_, [self = shared_from_this()](auto error, std::size_t) {
            self->go_on(error, &Exchange::read);
        });
    }
    void read() {
        http::async_read(stream_, buffer_, parser_,
                         [self = shared_from_this()](auto error, std::size_t) {
                             self->go_on(error, &Exchange::end);
                         });
    }
    void end() { done_({}, parser_.get()); }

    beast::basic_stream<Unix> stream_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    http::response_parser<http::string_body> parser_;
    Done done_;
};

// The same on a stream over TLS that is connected, to its end.
class TlsExchange {
  public:
    TlsExchange(TlsConnection &connection, http::request<http::string_body> request)
        : connection_(connection), request_(std::move(request)) {
        parser_.body_limit(kAnswerLimit);
    }

    error_code run() {
        error_code error;
        auto &stream = connection_.stream();
        beast::get_lowest_layer(stream).expires_after(kAnswerTimeout);
        http::async_write(stream, request_, [&](error_code, std::size_t) {
            // a server that has not read it all may have said why
            http::async_read(stream, buffer_, parser_,
                             [&](error_code cut, std::size_t) { error = cut; });
        });
        connection_.loop().run();
        return error;
    }
    const http::response<http::string_body> &response() const { return parser_.get(); }

  private:
    TlsConnection &connection_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    http::response_parser<http::string_body> parser_;
};

http::request<http::string_body> message_of(const ApiRequest &request, const std::string &host) {
    http::request<http::string_body> message;
    message.version(11);
    message.method_string(request.method);
    message.target(request.target);
    message.set(http::field::host, host);
    message.keep_alive(false);
    if (request.body) {
        message.set(http::field::content_type, "application/json");
        message.body() = dump(*request.body);
    }
    message.prepare_payload();
    return message;
}

}  // namespace

void api_call(asio::io_context &loop, const std::string &socket, const ApiRequest &request,
              std::chrono::seconds patience, std::function<void(Result<Json>)> done) {
    if (socket.size() >= sizeof(sockaddr_un::sun_path))
        return asio::post(loop, [socket, done = std::move(done)] {
            done(fail(Exit::usage, fmt::format("{}: too long for the path of a socket", socket)));
        });
    const auto exchange = std::make_shared<Exchange>(
        loop, message_of(request, "weir"),
        [socket, patience, done = std::move(done)](const auto &error, const auto &response) {
            done(error ? no_answer(socket, error, patience)
                       : judge_answer(response.result_int(), response.body(), socket));
        });
    exchange->run(socket, patience);
}

Result<Json> api_call(const std::string &socket, const ApiRequest &request) {
    asio::io_context loop;
    Result<Json> answer;
    api_call(loop, socket, request, kAnswerTimeout,
             [&](Result<Json> came) { answer = std::move(came); });
    loop.run();
    return answer;
}

Result<Json> api_call(const TlsServer &server, const ApiRequest &request) {
    const auto connection = TlsConnection::open(server);
    if (!connection)
        return tl::make_unexpected(connection.error());
    TlsExchange exchange(**connection, message_of(request, server.at));
    if (const auto error = exchange.run())
        return (*connection)->problem(error);
    return judge_answer(exchange.response().result_int(), exchange.response().body(), server.at);
}

}  // namespace weir
