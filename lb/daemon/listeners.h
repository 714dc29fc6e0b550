// The sockets of the daemon, bound but not served yet, and the file that it writes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "lb/api/listen.h"
#include "lb/api/tls.h"
#include "lb/config/config.h"
#include "lb/dataplane/fd.h"
#include "lb/result.h"

namespace weir {

struct Listeners {
    UnixListener api;
    std::optional<Acceptor> metrics;
    std::optional<Acceptor> api_tcp{};
    TlsContext tls{};              // of api_tcp
    std::optional<Fd> flow_log{};  // its file

    // Exit::refused: a path or a port is taken, the group is unknown, a certificate cannot be used,
    // or the file of the flow log cannot be opened.
    static Result<Listeners> open(boost::asio::io_context &loop, const Config &config);
};

// The certificates of `api.tls`, read now; none where it is not configured. Exit::refused, with the
// place in the configuration.
Result<TlsContext> load_tls(const Config &config);

}  // namespace weir
