#include "lb/api/tls.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>
#include <spdlog/spdlog.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <ctime>

#include "lb/config/document.h"

namespace weir {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr std::size_t kLongestSubject = 200;

tl::unexpected<Error> refuse(const PemFile &file, const std::string &what) {
    return fail(Exit::refused, fmt::format("{}: {}: {}", file.named_by, file.path, what));
}

// `wanted` as PEM's own lines end with it (RFC 7468): "CERTIFICATE", "PRIVATE KEY".
Result<std::string> read_pem(const PemFile &file, const char *wanted, const char *name) {
    auto text = read_text(file.path);
    if (!text)
        return fail(Exit::refused, fmt::format("{}: {}", file.named_by, text.error().message));
    if (text->find(fmt::format("{}-----", wanted)) == std::string::npos)
        return refuse(file, fmt::format("holds no {} in PEM form", name));
    return text;
}

// OpenSSL's own word for it.
std::string reason_of(const error_code &error) {
    const char *reason = ::ERR_reason_error_string(static_cast<unsigned long>(error.value()));
    return fmt::format("cannot be used: {}", reason != nullptr ? reason : error.message());
}

std::string to_text(const ASN1_TIME *time) {
    std::tm parts{};
    if (::ASN1_TIME_to_tm(time, &parts) != 1)
        return "a time that cannot be read";
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

// Empty: it is valid now.
std::string out_of_time(const X509 *certificate) {
    if (::X509_cmp_current_time(::X509_get0_notAfter(certificate)) < 0)
        return "expired on " + to_text(::X509_get0_notAfter(certificate));
    if (::X509_cmp_current_time(::X509_get0_notBefore(certificate)) > 0)
        return "is not valid before " + to_text(::X509_get0_notBefore(certificate));
    return "";
}

// What the other end would say of this one, said here and now. That a server's is out of its time
// stops nobody: the services matter more than who may change them.
Result<void> check_certificate(const PemFile &file, X509 *certificate, int purpose) {
    const auto when = out_of_time(certificate);
    if (!when.empty() && purpose == X509_PURPOSE_SSL_CLIENT)
        return refuse(file, when);
    if (!when.empty())
        spdlog::warn("{}: {}: {}: no client will trust it", file.named_by, file.path, when);
    if (::X509_check_purpose(certificate, purpose, 0) != 1)
        return refuse(file,
                      fmt::format("is not for {}: its extended key usage does not say so",
                                  purpose == X509_PURPOSE_SSL_SERVER ? "servers (serverAuth)"
                                                                     : "clients (clientAuth)"));
    return {};
}

Result<void> use_certificate(ssl::context &context, const PemFile &file, int purpose) {
    const auto text = read_pem(file, "CERTIFICATE", "certificate");
    if (!text)
        return tl::make_unexpected(text.error());
    error_code error;
    context.use_certificate_chain(asio::buffer(*text), error);
    if (error)
        return refuse(file, reason_of(error));
    return check_certificate(file, ::SSL_CTX_get0_certificate(context.native_handle()), purpose);
}

Result<void> use_key(ssl::context &context, const PemFile &file, const PemFile &certificate) {
    const auto text = read_pem(file, "PRIVATE KEY", "private key");
    if (!text)
        return tl::make_unexpected(text.error());
    error_code error;
    // without it OpenSSL asks at the terminal, and waits
    const auto asked = std::make_shared<bool>(false);
    context.set_password_callback(
        [asked](std::size_t, ssl::context::password_purpose) {
            *asked = true;
            return std::string();
        },
        error);
    context.use_private_key(asio::buffer(*text), ssl::context::pem, error);
    if (*asked)
        return refuse(file, "is encrypted, and there is nobody to ask for the passphrase");
    const auto code = static_cast<unsigned long>(error.value());
    const bool other = error ? ERR_GET_LIB(code) == ERR_LIB_X509 &&
                                   (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
                                    ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH)
                             : ::SSL_CTX_check_private_key(context.native_handle()) != 1;
    if (other)
        return refuse(file, fmt::format("is not the key of the certificate {}", certificate.path));
    if (error)
        return refuse(file, reason_of(error));
    return {};
}

// A bundle may hold some that are over, but not only those.
bool any_valid(ssl::context &context) {
    const auto *objects =
        ::X509_STORE_get0_objects(::SSL_CTX_get_cert_store(context.native_handle()));
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *one = ::X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (one != nullptr && ::X509_cmp_current_time(::X509_get0_notAfter(one)) > 0)
            return true;
    }
    return false;
}

Result<void> trust(ssl::context &context, const PemFile &file) {
    error_code error;
    if (file.path.empty()) {
        context.set_default_verify_paths(error);
        return error ? refuse(file, "no certificates of the system can be read") : Result<void>();
    }
    const auto text = read_pem(file, "CERTIFICATE", "certificate");
    if (!text)
        return tl::make_unexpected(text.error());
    context.add_certificate_authority(asio::buffer(*text), error);
    if (error)
        return refuse(file, reason_of(error));
    if (!any_valid(context))
        spdlog::warn("{}: {}: holds only certificates that have expired: nobody is trusted",
                     file.named_by, file.path);
    return {};
}

Result<TlsContext> make(const TlsFiles &files, bool server) {
    auto context = std::make_shared<ssl::context>(server ? ssl::context::tls_server
                                                         : ssl::context::tls_client);
    SSL_CTX *const native = context->native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    // a session that is resumed would outlive its certificate
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_options(native, SSL_OP_NO_TICKET);
    ::SSL_CTX_set_num_tickets(native, 0);
    ::SSL_CTX_set_purpose(native, server ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
    ::SSL_CTX_set_verify(native, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return use_certificate(*context, files.certificate,
                           server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT)
        .and_then([&] { return use_key(*context, files.key, files.certificate); })
        .and_then([&] { return trust(*context, files.authorities); })
        .map([&] { return std::move(context); });
}

}  // namespace

Result<TlsContext> server_tls(const TlsFiles &files) {
    return make(files, true);
}

Result<TlsContext> client_tls(const TlsFiles &files) {
    return make(files, false);
}

std::string peer_subject(SSL *session) {
    X509 *const certificate = ::SSL_get0_peer_certificate(session);
    const std::unique_ptr<BIO, decltype(&::BIO_free)> out(::BIO_new(::BIO_s_mem()), ::BIO_free);
    if (certificate == nullptr || !out)
        return "";
    // RFC 2253 escapes what is no printable ASCII, so that a name cannot forge a line of the log
    ::X509_NAME_print_ex(out.get(), ::X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char *text = nullptr;
    const auto size = static_cast<std::size_t>(std::max(0L, BIO_get_mem_data(out.get(), &text)));
    return {text, std::min(size, kLongestSubject)};
}

std::string handshake_problem(SSL *session, const error_code &error) {
    const long verdict = ::SSL_get_verify_result(session);
    if (verdict != X509_V_OK)
        return ::X509_verify_cert_error_string(verdict);
    if (error == asio::error::eof || error == ssl::error::stream_truncated)
        return "connection closed by the other end";
    const char *reason = error.category() == asio::error::get_ssl_category()
                             ? ::ERR_reason_error_string(static_cast<unsigned long>(error.value()))
                             : nullptr;
    return reason != nullptr ? reason : error.message();
}

}  // namespace weir
