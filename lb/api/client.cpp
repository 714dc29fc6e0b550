#include "lb/api/client.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "lb/net/address.h"

namespace weir {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Unix = asio::local::stream_protocol;
using Tcp = asio::ip::tcp;

constexpr std::chrono::seconds kTimeout{30};  // more than the daemon takes for the longest answer
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

    // The result is in `error` when the loop has nothing left to do.
    void start(error_code &error) {
        http::async_write(stream_, request_, [this, &error](error_code failed, std::size_t) {
            error = failed;
            // what was refused may have been answered all the same, by an alert
            http::async_read(stream_, buffer_, parser_,
                             [&error](error_code cut, std::size_t) { error = cut; });
        });
    }

    const http::response<http::string_body> &response() const { return parser_.get(); }

  private:
    Stream &stream_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    http::response_parser<http::string_body> parser_;
};

Result<Json> judge(const http::response<http::string_body> &response, const std::string &where) {
    auto document = Json::parse(response.body(), nullptr, false);
    if (document.is_discarded())
        return fail(Exit::failed, fmt::format("what answers at {} is no weir daemon", where));
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

tl::unexpected<Error> no_answer(const std::string &where, const error_code &error) {
    if (error == beast::error::timeout)
        return fail(Exit::refused,
                    fmt::format("the weir daemon at {} does not answer within {} s: it may still "
                                "be at work (its log says more)",
                                where, kTimeout.count()));
    return fail(Exit::refused, fmt::format("no weir daemon answers at {}: {} (is `weir run` "
                                           "running?)",
                                           where, error.message()));
}

// A connection over TLS, from the name to the last byte of the answer.
class TlsCall {
  public:
    TlsCall(const TlsServer &server, const ApiRequest &request, TlsContext context)
        : server_(server),
          context_(std::move(context)),
          stream_(loop_, *context_),
          exchange_(stream_, server.at, request) {}

    Result<Json> run(const std::string &host, const std::string &port) {
        Tcp::resolver resolver(loop_);
        const auto found = resolver.resolve(host, port, error_);
        if (error_)
            return fail(Exit::refused, fmt::format("{}: cannot find the address of {}: {}",
                                                   server_.at, host, error_.message()));
        if (!expect(host))
            return fail(Exit::usage, fmt::format("{}: no name for a certificate", host));
        beast::get_lowest_layer(stream_).expires_after(kTimeout);
        beast::get_lowest_layer(stream_).async_connect(
            found, [this](error_code error, const Tcp::endpoint &) { on_connect(error); });
        loop_.run();
        if (error_)
            return refusal(host);
        return judge(exchange_.response(), server_.at);
    }

  private:
    // What the server's certificate has to bear.
    bool expect(const std::string &host) {
        SSL *const session = stream_.native_handle();
        if (Address::parse(host))
            return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1;
        std::string sent = host;
        return SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                        sent.data()) == 1 &&
               SSL_set1_host(session, host.c_str()) == 1;
    }

    void on_connect(error_code error) {
        error_ = error;
        if (error)
            return;
        stream_.async_handshake(asio::ssl::stream_base::client, [this](error_code failed) {
            error_ = failed;
            shaken_ = !failed;
            if (shaken_)
                exchange_.start(error_);
        });
    }

    tl::unexpected<Error> refusal(const std::string &host) {
        const long verdict = SSL_get_verify_result(stream_.native_handle());
        const auto code = static_cast<unsigned long>(error_.value());
        const bool from_tls = error_.category() == asio::error::get_ssl_category();
        if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
            return fail(Exit::refused,
                        fmt::format("{}: its certificate is not for {}", server_.at, host));
        if (!shaken_ && verdict != X509_V_OK)
            return fail(Exit::refused,
                        fmt::format("{}: its certificate is not trusted: {} (--ca {})", server_.at,
                                    handshake_problem(stream_.native_handle(), error_),
                                    server_.files.authorities.path.empty()
                                        ? "names its authority; without it, the system's are asked"
                                        : server_.files.authorities.path));
        // TLS 1.3 tells of this only after the client's part of the handshake
        if (from_tls && ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET)
            return fail(Exit::refused,
                        fmt::format("{} does not take the certificate {}: {}", server_.at,
                                    server_.files.certificate.path,
                                    handshake_problem(stream_.native_handle(), error_)));
        if (from_tls)
            return fail(Exit::refused,
                        fmt::format("{}: TLS: {}", server_.at,
                                    handshake_problem(stream_.native_handle(), error_)));
        return no_answer(server_.at, error_);
    }

    const TlsServer &server_;
    asio::io_context loop_;
    TlsContext context_;
    beast::ssl_stream<beast::tcp_stream> stream_;
    Exchange<beast::ssl_stream<beast::tcp_stream>> exchange_;
    error_code error_;
    bool shaken_ = false;
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
    if (!error) {
        stream.expires_after(kTimeout);
        exchange.start(error);
        loop.run();
    }
    if (error == asio::error::access_denied)
        return fail(Exit::refused,
                    fmt::format("{}: permission denied: run it as root or as a member of the "
                                "socket's group (ls -l {} shows it, api.group sets it)",
                                socket, socket));
    if (error)
        return no_answer(socket, error);
    return judge(exchange.response(), socket);
}

Result<Json> api_call(const TlsServer &server, const ApiRequest &request) {
    const auto colon = server.at.rfind(':');
    const auto endpoint = Endpoint::parse(server.at);
    const auto host = endpoint ? endpoint->address.to_string() : server.at.substr(0, colon);
    const auto port = colon == std::string::npos ? std::nullopt
                                                 : parse_number(server.at.substr(colon + 1), 65535);
    if (host.empty() || !port || *port == 0 || (!endpoint && host.find(':') != std::string::npos))
        return fail(Exit::usage,
                    fmt::format("{}: expected HOST:PORT or [IPV6-ADDRESS]:PORT", server.at));
    return client_tls(server.files).and_then([&](const TlsContext &context) {
        return TlsCall(server, request, context).run(host, std::to_string(*port));
    });
}

}  // namespace weir
