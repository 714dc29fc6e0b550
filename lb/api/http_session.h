// One connection of an HttpServer, over a stream socket as it is or with TLS on top.
#pragma once

#include <fmt/format.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "lb/api/documents.h"
#include "lb/api/http_server.h"
#include "lb/api/tls.h"
#include "lb/net/address.h"

namespace weir {

namespace http = boost::beast::http;
using PlainStream = boost::beast::basic_stream<StreamProtocol>;
using TlsStream = boost::beast::ssl_stream<PlainStream>;

// What the server sees of its connections.
class OpenConnection {
  public:
    // The certificates it was made with are not in force any more: it ends, after the answer to
    // the request that is being served if there is one.
    virtual void retire() = 0;

  protected:
    ~OpenConnection() = default;
};

// Tells of handshakes that fail: a line a minute at most (I11), for whoever reaches the port can
// make them.
class HandshakeFailures {
  public:
    void note(const std::string &from, const std::string &why);

  private:
    std::optional<std::chrono::steady_clock::time_point> told_;
    std::uint64_t untold_ = 0;
};

// What the connections of a server have in common.
struct HttpShared {
    HttpHandler handler;
    HttpLimits limits;
    TlsContext tls{};  // of the next connection; none: plain HTTP
    std::set<OpenConnection *> open{};
    HandshakeFailures failures{};
};

HttpResponse http_refusal(unsigned status, const std::string &why);
// Where the other end is, "203.0.113.9"; text as well when it has gone already.
std::string address_of(const PlainStream &stream);

// The two kinds of stream differ in how they begin, in how they end, and in that one knows who is
// at the other end. `next` gets an error_code.
template <typename Next>
void begin_stream(PlainStream & /*stream*/, const Next &next) {
    next(boost::system::error_code());
}
template <typename Next>
void begin_stream(TlsStream &stream, const Next &next) {
    stream.async_handshake(boost::asio::ssl::stream_base::server, next);
}
template <typename Next>
void end_stream(PlainStream & /*stream*/, const Next &next) {
    next(boost::system::error_code());
}
template <typename Next>
void end_stream(TlsStream &stream, const Next &next) {
    stream.async_shutdown(next);
}
inline std::string who(PlainStream & /*stream*/, const std::string & /*from*/) {
    return "";
}
inline std::string who(TlsStream &stream, const std::string &from) {
    return fmt::format("{} from {}", peer_subject(stream.native_handle()), from);
}
inline std::string why_not(PlainStream & /*stream*/, const boost::system::error_code &error) {
    return error.message();
}
inline std::string why_not(TlsStream &stream, const boost::system::error_code &error) {
    return error == boost::beast::error::timeout ? "it took too long"
                                                 : handshake_problem(stream.native_handle(), error);
}

// Reads a request, has it answered, and again until the peer or a timeout ends it.
template <typename Stream>
class HttpSession final : public OpenConnection,
                          public std::enable_shared_from_this<HttpSession<Stream>> {
    using error_code = boost::system::error_code;

  public:
    HttpSession(Stream stream, std::shared_ptr<HttpShared> shared)
        : tls_(shared->tls),
          stream_(std::move(stream)),
          buffer_(2 * shared->limits.request_bytes),
          shared_(std::move(shared)) {
        shared_->open.insert(this);
    }
    ~HttpSession() { shared_->open.erase(this); }
    HttpSession(const HttpSession &) = delete;
    HttpSession &operator=(const HttpSession &) = delete;
    HttpSession(HttpSession &&) = delete;
    HttpSession &operator=(HttpSession &&) = delete;

    void start() {
        socket().expires_after(shared_->limits.timeout);
        // asked now: a peer that has gone, or a socket that a timeout has closed, has no address
        const auto from = address_of(socket());
        begin_stream(stream_, [self = this->shared_from_this(), from](error_code error) {
            if (error) {
                if (error != boost::asio::error::operation_aborted)
                    self->shared_->failures.note(from, why_not(self->stream_, error));
                return self->leave();
            }
            self->who_ = who(self->stream_, from);
            self->retired_ ? self->leave() : self->read();
        });
    }

    void retire() override {
        retired_ = true;
        if (waiting_)
            socket().cancel();
    }

  private:
    // With the timeouts, and without TLS.
    PlainStream &socket() { return boost::beast::get_lowest_layer(stream_); }

    void read() {
        parser_.emplace();
        parser_->header_limit(static_cast<std::uint32_t>(shared_->limits.request_bytes));
        parser_->body_limit(shared_->limits.body_bytes);
        waiting_ = true;
        socket().expires_after(shared_->limits.timeout);
        http::async_read(stream_, buffer_, *parser_,
                         [self = this->shared_from_this()](error_code error, std::size_t) {
                             self->on_read(error);
                         });
    }

    void on_read(error_code error) {
        waiting_ = false;
        if (!error)
            return retired_ ? leave() : handle();
        const bool ended =
            error == http::error::end_of_stream || error == http::error::partial_message;
        if (error.category() == make_error_code(http::error::end_of_stream).category() && !ended) {
            keep_ = false;
            answer(error == http::error::body_limit
                       ? http_refusal(413, fmt::format("the request's body has more than {} bytes",
                                                       shared_->limits.body_bytes))
                       : http_refusal(400, error.message()));
        }
    }

    void handle() {
        auto &request = parser_->get();
        keep_ = request.keep_alive();
        version_ = request.version();
        auto parsed = parse_target({request.method_string().data(), request.method_string().size()},
                                   {request.target().data(), request.target().size()});
        if (!parsed)
            return answer(http_refusal(400, "bad request target"));
        parsed->body = std::move(request.body());
        parsed->who = who_;
        parsed->if_none_match = std::string(request[http::field::if_none_match]);
        try {
            shared_->handler(*parsed, [self = this->shared_from_this()](HttpResponse response) {
                self->answer(std::move(response));
            });
        } catch (const std::exception &error) {
            spdlog::error("request for {} failed: {}", parsed->path, error.what());
            answer(http_refusal(500, "internal error: the daemon's log says more"));
        }
    }

    void answer(HttpResponse response) {
        keep_ = keep_ && !retired_;
        response_ = {static_cast<http::status>(response.status), version_};
        response_.set(http::field::content_type, response.content_type);
        response_.set(http::field::server, "weir");
        if (!response.allow.empty())
            response_.set(http::field::allow, response.allow);
        for (const auto &[name, value] : response.headers)
            response_.set({name.data(), name.size()},
                          boost::beast::string_view(value.data(), value.size()));
        if (response.stream)
            return begin_body(std::move(response.stream));
        response_.keep_alive(keep_);
        response_.body() = std::move(response.body);
        response_.prepare_payload();
        if (response_.result() == http::status::not_modified)
            response_.erase(http::field::content_length);  // it would be that of the 200
        socket().expires_after(shared_->limits.timeout);
        http::async_write(stream_, response_,
                          [self = this->shared_from_this()](error_code error, std::size_t) {
                              self->on_written(error);
                          });
    }

    // The connection is the body's from now on, and ends with it.
    void begin_body(std::shared_ptr<HttpBody> body) {
        body_ = std::move(body);
        keep_ = false;
        response_.keep_alive(false);
        response_.chunked(true);
        serializer_.emplace(response_);
        socket().expires_after(shared_->limits.timeout);
        http::async_write_header(stream_, *serializer_,
                                 [self = this->shared_from_this()](error_code error, std::size_t) {
                                     self->on_chunk_written(error);
                                 });
    }

    // The connection lives as long as the body is written to.
    void write_chunk() {
        if (body_->empty() && !body_->ended()) {
            socket().expires_never();
            return body_->connect([self = this->shared_from_this()] { self->write_chunk(); });
        }
        const bool last = body_->empty();
        chunk_ = body_->take();
        socket().expires_after(shared_->limits.timeout);
        const auto written = [self = this->shared_from_this(), last](error_code error,
                                                                     std::size_t) {
            last ? self->on_written(error) : self->on_chunk_written(error);
        };
        if (last)
            return boost::asio::async_write(stream_, http::make_chunk_last(), written);
        boost::asio::async_write(stream_, http::make_chunk(boost::asio::buffer(chunk_)), written);
    }

    void on_chunk_written(error_code error) {
        if (!error && !retired_)
            return write_chunk();
        body_->leave();
        on_written(boost::asio::error::operation_aborted);
    }

    void on_written(error_code error) {
        if (error)
            return;
        if (keep_)
            return read();
        end_stream(stream_, [self = this->shared_from_this()](error_code) { self->leave(); });
    }

    // What a peer still sends after its request was refused is read and dropped, because a socket
    // that is closed with something unread takes the answer, or the alert, down with it.
    void leave() {
        error_code ignored;
        socket().socket().shutdown(StreamProtocol::socket::shutdown_send, ignored);
        buffer_.clear();
        drop_rest();
    }

    void drop_rest() {
        constexpr std::size_t kMostDropped = 1 << 20;
        socket().async_read_some(
            buffer_.prepare(shared_->limits.request_bytes),
            [self = this->shared_from_this()](error_code error, std::size_t size) {
                self->dropped_ += size;
                if (!error && self->dropped_ < kMostDropped)
                    self->drop_rest();
            });
    }

    TlsContext tls_;  // which the stream was made with
    Stream stream_;
    boost::beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> response_;
    std::optional<http::response_serializer<http::string_body>> serializer_;
    std::shared_ptr<HttpBody> body_;
    std::string chunk_;  // which is being written
    std::shared_ptr<HttpShared> shared_;
    std::string who_;
    unsigned version_ = 11;
    std::size_t dropped_ = 0;
    bool waiting_ = true;  // for the peer
    bool keep_ = false;
    bool retired_ = false;
};

}  // namespace weir
