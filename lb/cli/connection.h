// Which daemon a command talks to.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "lb/result.h"

namespace weir {

struct Connection {
    std::string socket;
    std::string config;  // take the socket from there
};

// A script whose variable is not set must not mean everything.
std::string refuse_empty(const std::string &text);

// --socket, -c; `connection` has to outlive the application.
void add_connection_options(CLI::App &command, Connection &connection);
Result<std::string> socket_of(const Connection &connection);

}  // namespace weir
