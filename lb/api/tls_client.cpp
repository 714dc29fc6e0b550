#include "lb/api/tls_client.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <boost/asio/error.hpp>

#include "lb/api/answer.h"
#include "lb/net/address.h"

namespace weir {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct Place {
    std::string host;
    std::string port;
};

Result<Place> parse_place(const std::string &at) {
    const auto colon = at.rfind(':');
    const auto endpoint = Endpoint::parse(at);
    const auto host = endpoint ? endpoint->address.to_string() : at.substr(0, colon);
    const auto port =
        colon == std::string::npos ? std::nullopt : parse_number(at.substr(colon + 1), 65535);
    if (host.empty() || !port || *port == 0 || (!endpoint && host.find(':') != std::string::npos))
        return fail(Exit::usage, fmt::format("{}: expected HOST:PORT or [IPV6-ADDRESS]:PORT", at));
    return Place{host, std::to_string(*port)};
}

}  // namespace

TlsConnection::TlsConnection(const TlsServer &server, TlsContext context, std::string host)
    : server_(server),
      context_(std::move(context)),
      host_(std::move(host)),
      stream_(loop_, *context_) {}

Result<std::unique_ptr<TlsConnection>> TlsConnection::open(const TlsServer &server) {
    const auto place = parse_place(server.at);
    if (!place)
        return tl::make_unexpected(place.error());
    auto context = client_tls(server.files);
    if (!context)
        return tl::make_unexpected(context.error());
    auto connection = std::make_unique<TlsConnection>(server, std::move(*context), place->host);
    if (!connection->expect_name())
        return fail(Exit::usage, fmt::format("{}: no name for a certificate", place->host));
    if (const auto error = connection->connect(place->port))
        return connection->problem(error);
    connection->agreed_ = true;
    return connection;
}

// What the server's certificate has to bear; an address is never sent (RFC 6066, 3).
bool TlsConnection::expect_name() {
    SSL *const session = stream_.native_handle();
    if (Address::parse(host_))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host_.c_str()) == 1;
    return SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    host_.data()) == 1 &&
           SSL_set1_host(session, host_.c_str()) == 1;
}

error_code TlsConnection::connect(const std::string &port) {
    tcp::resolver resolver(loop_);
    error_code error;
    const auto found = resolver.resolve(host_, port, error);
    if (error)
        return error;
    auto &socket = boost::beast::get_lowest_layer(stream_);
    socket.expires_after(kAnswerTimeout);
    socket.async_connect(found, [this, &error](error_code failed, const tcp::endpoint &) {
        error = failed;
        if (!error)
            stream_.async_handshake(asio::ssl::stream_base::client,
                                    [&error](error_code cut) { error = cut; });
    });
    loop_.run();
    loop_.restart();
    socket.expires_never();
    return error;
}

// The server's certificate is not what was expected.
tl::unexpected<Error> TlsConnection::distrust() {
    const long verdict = SSL_get_verify_result(stream_.native_handle());
    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return fail(Exit::refused,
                    fmt::format("{}: its certificate is not for {}", server_.at, host_));
    const auto &ca = server_.files.authorities;
    return fail(
        Exit::refused,
        fmt::format("{}: its certificate is not trusted: {} ({})", server_.at,
                    X509_verify_cert_error_string(verdict),
                    ca.path.empty() ? "the system's authorities; name another by " + ca.named_by
                                    : ca.named_by + " " + ca.path));
}

tl::unexpected<Error> TlsConnection::problem(const error_code &error) {
    SSL *const session = stream_.native_handle();
    if (!agreed_ && SSL_get_verify_result(session) != X509_V_OK)
        return distrust();
    if (error.category() != asio::error::get_ssl_category())
        return no_answer(server_.at, error);
    const auto why = handshake_problem(session, error);
    if (ERR_GET_REASON(static_cast<unsigned long>(error.value())) < SSL_AD_REASON_OFFSET)
        return fail(Exit::refused, fmt::format("{}: TLS: {}", server_.at, why));
    // an alert: it is the server's word
    return fail(Exit::refused, fmt::format("{} does not take the certificate {}: {}", server_.at,
                                           server_.files.certificate.path, why));
}

}  // namespace weir
