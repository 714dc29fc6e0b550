// Type https: as http, over TLS, with a certificate that is right.
#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/stream.hpp>
#include <optional>

#include "lb/health/http_exchange.h"

namespace weir {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

class HttpsProbe final : public ConnectionProbe {
  public:
    HttpsProbe(Tools tools, const CheckTarget &target, CheckConfig config)
        : ConnectionProbe(tools->loop, target.endpoint),
          tools_(std::move(tools)),
          config_(std::move(config)),
          endpoint_(target.endpoint) {}

  private:
    using Stream = ssl::stream<boost::asio::ip::tcp::socket &>;

    void ask() override {
        auto context = tools_->tls.get(*config_);
        if (!context)
            return finish(CheckOutcome::not_made(context.error().message));
        context_ = std::move(*context);
        ConnectionProbe::ask();
    }

    void connected() override {
        set_step("TLS handshake");
        stream_.emplace(socket_, *context_);
        if (!set_names())
            return finish(CheckOutcome::not_made("TLS handshake: out of memory"));
        stream_->async_handshake(ssl::stream_base::client,
                                 [this, self = keep(this)](error_code error) {
                                     if (error)
                                         return finish_handshake(error);
                                     get();
                                 });
    }

    // The name that is sent, and that the certificate must bear; an address is never sent (RFC
    // 6066, 3).
    bool set_names() {
        SSL *const session = stream_->native_handle();
        const std::string name = certificate_name(*config_);
        const auto address = name.empty() ? endpoint_.address : Address::parse(name);
        name_ = address ? address->to_string() : name;
        if (address)
            return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name_.c_str()) == 1;
        std::string sent = name;
        return SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                        sent.data()) == 1 &&
               SSL_set1_host(session, name.c_str()) == 1;
    }

    void finish_handshake(const error_code &error) {
        const long verdict = SSL_get_verify_result(stream_->native_handle());
        if (config_->verify && verdict == X509_V_ERR_HOSTNAME_MISMATCH)
            return finish(CheckOutcome::failed(fmt::format("certificate: not for {}", name_)));
        if (config_->verify && verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
            return finish(CheckOutcome::failed(
                fmt::format("certificate: not for {} (set sni or host to its name)", name_)));
        if (config_->verify && verdict != X509_V_OK)
            return finish(CheckOutcome::failed(
                fmt::format("certificate: {}", X509_verify_cert_error_string(verdict))));
        if (error == boost::asio::error::eof || ends_body(error))
            return finish_failed("connection closed by the backend");
        const char *reason =
            error.category() == boost::asio::error::get_ssl_category()
                ? ::ERR_reason_error_string(static_cast<unsigned long>(error.value()))
                : nullptr;
        if (reason != nullptr)
            return finish_failed(reason);
        finish_error(error);
    }

    void get() {
        set_step("GET " + config_->path);
        exchange_.emplace(*stream_, config_, http_authority(endpoint_, 443));
        exchange_->run(
            shared_from_this(), [this](const CheckOutcome &outcome) { finish_at_step(outcome); },
            [this](const auto &error) { finish_failed(http_problem(error)); });
    }

    Tools tools_;
    CheckConfig config_;
    Endpoint endpoint_;
    TlsContexts::Context context_;
    std::string name_;
    std::optional<Stream> stream_;
    std::optional<HttpExchange<Stream>> exchange_;
};

}  // namespace

ProbePointer make_https_probe(const Tools &tools, const CheckTarget &target, CheckConfig config) {
    return std::make_shared<HttpsProbe>(tools, target, std::move(config));
}

}  // namespace weir
