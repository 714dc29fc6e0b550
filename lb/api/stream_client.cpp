#include "lb/api/stream_client.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>

#include "lb/api/answer.h"

namespace weir {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Unix = asio::local::stream_protocol;

// The daemon writes something every second: one that is silent for so long has gone, or hangs.
constexpr std::chrono::seconds kSilence{10};

// On a stream that is connected. `where`: whom is asked, for messages and the request.
template <typename Stream>
class StreamReader {
  public:
    StreamReader(Stream &stream, std::string where) : stream_(stream), where_(std::move(where)) {
        parser_.body_limit(boost::none);
    }

    error_code ask(const std::string &host, const std::string &target) {
        error_code error;
        http::request<http::empty_body> request(http::verb::get, target, 11);
        request.set(http::field::host, host);
        http::write(stream_, request, error);
        // a server that has not read it all may have said why
        http::read_header(stream_, buffer_, parser_, error);
        return error;
    }

    Result<void> follow(const std::function<void()> &begun, const OnLines &on_lines) {
        if (parser_.get().result_int() != 200)
            return refusal();
        begun();
        std::string rest;
        while (!parser_.is_done()) {
            const auto more = some();
            if (!more)
                return tl::make_unexpected(more.error());
            rest += *more;
            const auto end = rest.rfind('\n') + 1;  // 0: no whole line
            if (end != 0 && !on_lines(rest.substr(0, end)))
                return {};
            rest.erase(0, end);
        }
        return fail(Exit::failed,
                    fmt::format("the weir daemon at {} has ended the answer", where_));
    }

  private:
    // Empty: that was all.
    Result<std::string> some() {
        auto &body = parser_.get().body();
        body.data = room_.data();
        body.size = room_.size();
        const auto error = parser_.is_done() ? error_code() : read_some();
        if (error == beast::error::timeout)
            return fail(Exit::refused, fmt::format("the weir daemon at {} has said nothing for {} "
                                                   "s: it hangs, or cannot be reached any more",
                                                   where_, kSilence.count()));
        if (error && error != http::error::need_buffer)
            return fail(Exit::refused,
                        fmt::format("the weir daemon at {} has gone: {}", where_, error.message()));
        return std::string(room_.data(), room_.size() - body.size);
    }

    // Nothing more than a synchronous read but for its time limit, which those do not have.
    error_code read_some() {
        auto &loop = static_cast<asio::io_context &>(stream_.get_executor().context());
        std::optional<error_code> result;
        http::async_read_some(stream_, buffer_, parser_,
                              [&](error_code error, std::size_t) { result = error; });
        loop.restart();
        loop.run_for(kSilence);
        if (result)
            return *result;
        beast::get_lowest_layer(stream_).close();
        loop.run();
        return beast::error::timeout;
    }

    Result<void> refusal() {
        std::string body;
        while (!parser_.is_done()) {
            const auto more = some();
            if (!more)
                return tl::make_unexpected(more.error());
            body += *more;
        }
        return judge_answer(parser_.get().result_int(), body, where_).map([](const Json &) {});
    }

    Stream &stream_;
    std::string where_;
    beast::flat_buffer buffer_;
    http::response_parser<http::buffer_body> parser_;
    std::array<char, 65536> room_{};
};

}  // namespace

Result<void> api_stream(const std::string &socket, const std::string &target,
                        const std::function<void()> &begun, const OnLines &on_lines) {
    if (socket.size() >= sizeof(sockaddr_un::sun_path))
        return fail(Exit::usage, fmt::format("{}: too long for the path of a socket", socket));
    asio::io_context loop;
    Unix::socket stream(loop);
    StreamReader reader(stream, socket);
    error_code error;
    stream.connect(Unix::endpoint(socket), error);
    if (!error)
        error = reader.ask("weir", target);
    if (error)
        return no_answer(socket, error);
    return reader.follow(begun, on_lines);
}

Result<void> api_stream(const TlsServer &server, const std::string &target,
                        const std::function<void()> &begun, const OnLines &on_lines) {
    const auto connection = TlsConnection::open(server);
    if (!connection)
        return tl::make_unexpected(connection.error());
    StreamReader reader((*connection)->stream(), server.at);
    if (const auto error = reader.ask(server.at, target))
        return (*connection)->problem(error);
    return reader.follow(begun, on_lines);
}

}  // namespace weir
