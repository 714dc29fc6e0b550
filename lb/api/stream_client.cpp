#include "lb/api/stream_client.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <array>
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

class StreamReader {
  public:
    explicit StreamReader(const std::string &socket) : where_(socket) {
        parser_.body_limit(boost::none);
    }

    Result<void> ask(const std::string &target) {
        error_code error;
        socket_.connect(Unix::endpoint(where_), error);
        if (error)
            return no_answer(where_, error);
        http::request<http::empty_body> request(http::verb::get, target, 11);
        request.set(http::field::host, "weir");
        http::write(socket_, request, error);
        if (!error)
            http::read_header(socket_, buffer_, parser_, error);
        if (error)
            return no_answer(where_, error);
        return {};
    }

    // Empty: that was all.
    Result<std::string> some() {
        auto &body = parser_.get().body();
        body.data = room_.data();
        body.size = room_.size();
        error_code error;
        if (!parser_.is_done())
            http::read_some(socket_, buffer_, parser_, error);
        if (error && error != http::error::need_buffer)
            return fail(Exit::refused,
                        fmt::format("the weir daemon at {} has gone: {}", where_, error.message()));
        return std::string(room_.data(), room_.size() - body.size);
    }

    unsigned status() const { return parser_.get().result_int(); }
    bool done() const { return parser_.is_done(); }

  private:
    std::string where_;
    asio::io_context loop_;
    Unix::socket socket_{loop_};
    beast::flat_buffer buffer_;
    http::response_parser<http::buffer_body> parser_;
    std::array<char, 65536> room_{};
};

Result<void> refusal(StreamReader &reader, const std::string &socket) {
    std::string body;
    while (!reader.done()) {
        const auto more = reader.some();
        if (!more)
            return tl::make_unexpected(more.error());
        body += *more;
    }
    return judge_answer(reader.status(), body, socket).map([](const Json &) {});
}

}  // namespace

Result<void> api_stream(const std::string &socket, const std::string &target,
                        const std::function<void()> &begun,
                        const std::function<bool(const std::string &lines)> &on_lines) {
    if (socket.size() >= sizeof(sockaddr_un::sun_path))
        return fail(Exit::usage, fmt::format("{}: too long for the path of a socket", socket));
    StreamReader reader(socket);
    if (auto asked = reader.ask(target); !asked)
        return asked;
    if (reader.status() != 200)
        return refusal(reader, socket);
    begun();
    std::string rest;
    while (!reader.done()) {
        const auto more = reader.some();
        if (!more)
            return tl::make_unexpected(more.error());
        rest += *more;
        const auto end = rest.rfind('\n') + 1;  // 0: no whole line
        if (end != 0 && !on_lines(rest.substr(0, end)))
            return {};
        rest.erase(0, end);
    }
    return fail(Exit::failed, fmt::format("the weir daemon at {} has ended the answer", socket));
}

}  // namespace weir
