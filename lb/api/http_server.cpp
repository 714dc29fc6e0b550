#include "lb/api/http_server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "lb/api/documents.h"

namespace weir {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

using Stream = beast::basic_stream<StreamProtocol>;

// What a peer still sends after its request was refused is read and dropped up to here, because a
// socket that is closed with something unread takes the answer down with it.
constexpr std::size_t kMostDropped = 1 << 20;

HttpResponse refusal(unsigned status, const std::string &why) {
    return {status, "application/json", error_document(why).dump() + "\n"};
}

// One connection: reads a request, has it answered, and again until the peer or a timeout ends it.
class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(Stream::socket_type socket, std::shared_ptr<const HttpHandler> handler,
            const HttpLimits &limits, std::shared_ptr<std::size_t> open)
        : stream_(std::move(socket)),
          buffer_(2 * limits.request_bytes),
          handler_(std::move(handler)),
          limits_(limits),
          open_(std::move(open)) {
        ++*open_;
    }
    ~Session() { --*open_; }
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;
    Session(Session &&) = delete;
    Session &operator=(Session &&) = delete;

    void read() {
        parser_.emplace();
        parser_->header_limit(static_cast<std::uint32_t>(limits_.request_bytes));
        parser_->body_limit(limits_.body_bytes);
        stream_.expires_after(limits_.timeout);
        http::async_read(
            stream_, buffer_, *parser_,
            [self = shared_from_this()](error_code error, std::size_t) { self->on_read(error); });
    }

  private:
    void on_read(error_code error) {
        if (!error)
            return handle();
        const bool ended =
            error == http::error::end_of_stream || error == http::error::partial_message;
        if (error.category() == make_error_code(http::error::end_of_stream).category() && !ended) {
            keep_ = false;
            answer(error == http::error::body_limit
                       ? refusal(413, fmt::format("the request's body has more than {} bytes",
                                                  limits_.body_bytes))
                       : refusal(400, error.message()));
        }
    }

    void handle() {
        auto &request = parser_->get();
        keep_ = request.keep_alive();
        version_ = request.version();
        auto parsed = parse_target({request.method_string().data(), request.method_string().size()},
                                   {request.target().data(), request.target().size()});
        if (!parsed)
            return answer(refusal(400, "bad request target"));
        parsed->body = std::move(request.body());
        parsed->if_none_match = std::string(request[http::field::if_none_match]);
        try {
            (*handler_)(*parsed, [self = shared_from_this()](HttpResponse response) {
                self->answer(std::move(response));
            });
        } catch (const std::exception &error) {
            spdlog::error("request for {} failed: {}", parsed->path, error.what());
            answer(refusal(500, "internal error: the daemon's log says more"));
        }
    }

    void answer(HttpResponse response) {
        response_ = {static_cast<http::status>(response.status), version_};
        response_.set(http::field::content_type, response.content_type);
        response_.set(http::field::server, "weir");
        if (!response.allow.empty())
            response_.set(http::field::allow, response.allow);
        for (const auto &[name, value] : response.headers)
            response_.set({name.data(), name.size()},
                          beast::string_view(value.data(), value.size()));
        response_.keep_alive(keep_);
        response_.body() = std::move(response.body);
        response_.prepare_payload();
        if (response_.result() == http::status::not_modified)
            response_.erase(http::field::content_length);  // it would be that of the 200
        stream_.expires_after(limits_.timeout);
        http::async_write(stream_, response_,
                          [self = shared_from_this()](error_code error, std::size_t) {
                              self->on_written(error);
                          });
    }

    void on_written(error_code error) {
        if (error)
            return;
        if (keep_)
            return read();
        stream_.socket().shutdown(StreamProtocol::socket::shutdown_send, error);
        buffer_.clear();
        drop_rest();
    }

    void drop_rest() {
        stream_.async_read_some(buffer_.prepare(limits_.request_bytes),
                                [self = shared_from_this()](error_code error, std::size_t size) {
                                    self->dropped_ += size;
                                    if (!error && self->dropped_ < kMostDropped)
                                        self->drop_rest();
                                });
    }

    Stream stream_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> response_;
    std::shared_ptr<const HttpHandler> handler_;
    HttpLimits limits_;
    std::shared_ptr<std::size_t> open_;
    unsigned version_ = 11;
    std::size_t dropped_ = 0;
    bool keep_ = false;
};

}  // namespace

HttpServer::HttpServer(asio::io_context &loop, Acceptor acceptor, HttpHandler handler,
                       HttpLimits limits)
    : acceptor_(std::move(acceptor)),
      retry_(loop),
      handler_(std::make_shared<const HttpHandler>(std::move(handler))),
      limits_(limits),
      open_(std::make_shared<std::size_t>(0)) {
    accept();
}

void HttpServer::accept() {
    acceptor_.async_accept([this](error_code error, StreamProtocol::socket socket) {
        if (error == asio::error::operation_aborted)
            return;
        if (error) {  // out of descriptors, most likely: try again when some may be free
            spdlog::warn("cannot accept a connection: {}", error.message());
            retry_.expires_after(std::chrono::seconds(1));
            retry_.async_wait([this](error_code aborted) {
                if (!aborted)
                    accept();
            });
            return;
        }
        if (*open_ < limits_.connections)
            std::make_shared<Session>(std::move(socket), handler_, limits_, open_)->read();
        accept();
    });
}

}  // namespace weir
