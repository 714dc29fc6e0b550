// The sockets of the daemon, bound but not served yet.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "lb/api/listen.h"
#include "lb/api/tls.h"
#include "lb/config/config.h"
#include "lb/result.h"

namespace weir {

struct Listeners {
    UnixListener api;
    std::optional<Acceptor> metrics;
    std::optional<Acceptor> api_tcp;
    TlsContext tls;  // of api_tcp

    // Exit::refused: a path or a port is taken, the group is unknown, or a certificate cannot be
    // used.
    static Result<Listeners> open(boost::asio::io_context &loop, const Config &config);
};

// The certificates of `api.tls`, read now; none where it is not configured. Exit::refused, with the
// place in the configuration.
Result<TlsContext> load_tls(const Config &config);

}  // namespace weir
