// The sockets of the daemon, bound but not served yet.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "lb/api/listen.h"
#include "lb/config/config.h"
#include "lb/result.h"

namespace weir {

struct Listeners {
    UnixListener api;
    std::optional<Acceptor> metrics;

    // Exit::refused: a path or a port is taken, or the group is unknown.
    static Result<Listeners> open(boost::asio::io_context &loop, const Config &config);
};

}  // namespace weir
