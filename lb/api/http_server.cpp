#include "lb/api/http_server.h"

#include "lb/api/http_session.h"

namespace weir {
namespace {

constexpr std::chrono::minutes kBetweenLines{1};

template <typename Stream>
void serve(Stream stream, const std::shared_ptr<HttpShared> &shared) {
    std::make_shared<HttpSession<Stream>>(std::move(stream), shared)->start();
}

}  // namespace

void HandshakeFailures::note(const std::string &from, const std::string &why) {
    const auto now = std::chrono::steady_clock::now();
    if (told_ && now - *told_ < kBetweenLines) {
        ++untold_;
        return;
    }
    spdlog::warn("TLS handshake with {} failed: {}{}", from, why,
                 untold_ == 0 ? "" : fmt::format(" (and {} more since the last line)", untold_));
    told_ = now;
    untold_ = 0;
}

HttpResponse http_refusal(unsigned status, const std::string &why) {
    return {status, "application/json", error_document(why).dump() + "\n"};
}

std::string address_of(const PlainStream &stream) {
    boost::system::error_code error;
    const auto endpoint = stream.socket().remote_endpoint(error);
    const auto *const any = endpoint.data();
    if (!error && any->sa_family == AF_INET)
        return Address::v4(reinterpret_cast<const sockaddr_in *>(any)->sin_addr.s_addr).to_string();
    std::array<std::uint8_t, 16> bytes{};
    if (error || any->sa_family != AF_INET6)
        return "a peer that has gone";
    std::copy_n(reinterpret_cast<const sockaddr_in6 *>(any)->sin6_addr.s6_addr, bytes.size(),
                bytes.begin());
    return Address(bytes).to_string();
}

HttpServer::HttpServer(boost::asio::io_context &loop, Acceptor acceptor, HttpHandler handler,
                       HttpLimits limits, TlsContext tls)
    : acceptor_(std::move(acceptor)),
      retry_(loop),
      shared_(
          std::make_shared<HttpShared>(HttpShared{std::move(handler), limits, std::move(tls)})) {
    accept();
}

void HttpServer::renew(TlsContext tls) {
    shared_->tls = std::move(tls);
    for (auto *connection : shared_->open)
        connection->retire();
}

void HttpServer::accept() {
    acceptor_.async_accept([this](boost::system::error_code error, StreamProtocol::socket socket) {
        if (error == boost::asio::error::operation_aborted)
            return;
        if (error) {  // out of descriptors, most likely: try again when some may be free
            spdlog::warn("cannot accept a connection: {}", error.message());
            retry_.expires_after(std::chrono::seconds(1));
            retry_.async_wait([this](boost::system::error_code aborted) {
                if (!aborted)
                    accept();
            });
            return;
        }
        if (shared_->open.size() < shared_->limits.connections) {
            PlainStream plain(std::move(socket));
            if (shared_->tls)
                serve(TlsStream(std::move(plain), *shared_->tls), shared_);
            else
                serve(std::move(plain), shared_);
        }
        accept();
    });
}

}  // namespace weir
