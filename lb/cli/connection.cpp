#include "lb/cli/connection.h"

#include "lb/config/config.h"

namespace weir {

std::string refuse_empty(const std::string &text) {
    return text.empty() ? "must not be empty" : "";
}

void add_connection_options(CLI::App &command, Connection &connection) {
    auto *socket = command.add_option("--socket", connection.socket,
                                      "The daemon's socket [/run/weir/weir.sock]");
    command.add_option("-c,--config", connection.config, "Take the socket from this configuration")
        ->excludes(socket);
}

Result<std::string> socket_of(const Connection &connection) {
    if (!connection.socket.empty())
        return connection.socket;
    if (connection.config.empty())
        return Config{}.api_socket;
    return load_config(connection.config).map([](const Config &config) {
        return config.api_socket;
    });
}

}  // namespace weir
