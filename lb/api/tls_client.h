// This end of the admin API over TCP: a connection to a daemon that both ends have agreed to.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <memory>
#include <string>

#include "lb/api/tls.h"
#include "lb/result.h"

namespace weir {

// A daemon that is asked over TCP.
struct TlsServer {
    std::string at;  // HOST:PORT; the host, a name or an address, is to be in its certificate
    TlsFiles files;  // certificate and key: this client's; no authorities: the system's
};

class TlsConnection {
  public:
    using Stream = boost::beast::ssl_stream<boost::beast::tcp_stream>;

    // Within kAnswerTimeout. Exit::usage when `at` is no HOST:PORT, Exit::refused when a file
    // cannot be used, nobody is there, or an end does not take the other's certificate. `server`
    // outlives it.
    static Result<std::unique_ptr<TlsConnection>> open(const TlsServer &server);

    boost::asio::io_context &loop() { return loop_; }
    Stream &stream() { return stream_; }
    // What an error of the stream means: with TLS 1.3 a server that does not take the certificate
    // says so only when it is asked.
    tl::unexpected<Error> problem(const boost::system::error_code &error);

    // For open().
    TlsConnection(const TlsServer &server, TlsContext context, std::string host);

  private:
    boost::system::error_code connect(const std::string &port);
    bool expect_name();
    tl::unexpected<Error> distrust();

    const TlsServer &server_;
    TlsContext context_;
    std::string host_;
    boost::asio::io_context loop_;
    Stream stream_;
    bool agreed_ = false;
};

}  // namespace weir
