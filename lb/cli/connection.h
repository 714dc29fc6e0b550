// Which daemon a command talks to.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "lb/api/client.h"
#include "lb/api/stream_client.h"
#include "lb/result.h"

namespace weir {

struct Connection {
    std::string socket;
    std::string config;   // take the socket from there
    std::string connect;  // HOST:PORT, over TCP; then with certificates
    std::string certificate, key, authorities;
};

// A script whose variable is not set must not mean everything.
std::string refuse_empty(const std::string &text);

// --socket, -c, --connect and what goes with it; `connection` has to outlive the application.
void add_connection_options(CLI::App &command, Connection &connection);
// For what only a daemon of this host is asked: Exit::usage with --connect.
Result<std::string> socket_of(const Connection &connection);
// Asks the daemon. Exit::usage for options that do not go together; else as api_call().
Result<Json> call(const Connection &connection, const ApiRequest &request);
// The same as api_stream().
Result<void> stream(const Connection &connection, const std::string &target,
                    const std::function<void()> &begun, const OnLines &on_lines);

}  // namespace weir
