// A small HTTP/1.1 server on the event loop, for the admin API and the exporter. Bounded in every
// direction: connections, size of a request, and time that a peer may take. Over TLS when it is
// given a context: then a peer has shown its certificate before a request of its is read.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>

#include "lb/api/http.h"
#include "lb/api/listen.h"
#include "lb/api/tls.h"

namespace weir {

struct HttpLimits {
    std::size_t connections = 64;      // one more is closed as soon as it is accepted
    std::size_t request_bytes = 8192;  // of the request's header
    std::size_t body_bytes = 0;        // of its body; one that is larger is answered with 413
    // For a TLS handshake, for a request to arrive, and for an answer to leave.
    std::chrono::seconds timeout{10};
};

struct HttpShared;

class HttpServer {
  public:
    // Serves when the loop runs, until the loop ends. What is wrong with a request before the
    // handler can see it is answered as the API's errors are: {"error": TEXT}.
    HttpServer(boost::asio::io_context &loop, Acceptor acceptor, HttpHandler handler,
               HttpLimits limits = {}, TlsContext tls = nullptr);

    // Other certificates, for a server over TLS. Connections that wait for a request are closed,
    // the others after their answer: whoever is not let in any more is out.
    void renew(TlsContext tls);

  private:
    void accept();

    Acceptor acceptor_;
    boost::asio::steady_timer retry_;
    std::shared_ptr<HttpShared> shared_;  // with the connections
};

}  // namespace weir
