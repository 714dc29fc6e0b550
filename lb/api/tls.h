// TLS for the admin API over TCP: each end shows a certificate, and verifies the other's.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <string>

#include "lb/result.h"

namespace weir {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// A file in PEM form, and who names it ("FILE:LINE:COL: api.tls.key"), for messages.
struct PemFile {
    std::string path;
    std::string named_by;
};

struct TlsFiles {
    PemFile certificate;  // followed by those between it and its authority, if there are any
    PemFile key;          // without a passphrase
    PemFile authorities;  // of the other end
};

// TLS 1.2 or later, without resumption: every connection is verified. The error is one line: whose
// file it is, and what is wrong with it: unreadable, no PEM, a key of another certificate, expired,
// for another purpose. Exit::refused.
//
// A server's demands a certificate whose extended key usage, if it has one, allows clients.
Result<TlsContext> server_tls(const TlsFiles &files);
// A client's; without a path for the authorities, those of the system.
Result<TlsContext> client_tls(const TlsFiles &files);

// The subject of the other end's certificate as RFC 2253 has it ("CN=ops,O=Example"), shortened to
// 200 characters of ASCII; empty when it showed none.
std::string peer_subject(SSL *session);

// Why a handshake failed: what is wrong with the other end's certificate, or what OpenSSL says.
std::string handshake_problem(SSL *session, const boost::system::error_code &error);

}  // namespace weir
