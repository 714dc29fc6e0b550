#include "lb/cli/connection.h"

#include <variant>

#include "lb/config/config.h"

namespace weir {
namespace {

Result<std::string> local_socket(const Connection &connection) {
    if (!connection.socket.empty())
        return connection.socket;
    if (connection.config.empty())
        return Config{}.api_socket;
    return load_config(connection.config).map([](const Config &config) {
        return config.api_socket;
    });
}

using Place = std::variant<std::string, TlsServer>;

Result<Place> place_of(const Connection &connection) {
    const auto &[socket, config, connect, certificate, key, authorities] = connection;
    if (connect.empty()) {
        // whoever names a certificate means another daemon than the one of this host
        if (!certificate.empty() || !key.empty() || !authorities.empty())
            return fail(Exit::usage,
                        "--cert, --key and --ca (WEIR_CERT, WEIR_KEY, WEIR_CA) need --connect");
        return local_socket(connection).map([](const std::string &path) { return Place(path); });
    }
    if (!socket.empty() || !config.empty())
        return fail(Exit::usage, "--connect (WEIR_CONNECT) excludes --socket and --config");
    if (certificate.empty() || key.empty())
        return fail(Exit::usage,
                    "--connect needs --cert and --key: the daemon wants to know who asks");
    return TlsServer{connect, {{certificate, "--cert"}, {key, "--key"}, {authorities, "--ca"}}};
}

}  // namespace

std::string refuse_empty(const std::string &text) {
    return text.empty() ? "must not be empty" : "";
}

void add_connection_options(CLI::App &command, Connection &connection) {
    auto *socket = command.add_option("--socket", connection.socket,
                                      "The daemon's socket [/run/weir/weir.sock]");
    command.add_option("-c,--config", connection.config, "Take the socket from this configuration")
        ->excludes(socket);
    const auto over_tcp = [&](const char *name, std::string &target, const char *variable,
                              const char *help) {
        command.add_option(name, target, help)->envname(variable)->group("Over TCP");
    };
    over_tcp("--connect", connection.connect, "WEIR_CONNECT", "The daemon's api.listen: HOST:PORT");
    over_tcp("--cert", connection.certificate, "WEIR_CERT", "This client's certificate, PEM");
    over_tcp("--key", connection.key, "WEIR_KEY", "Its key, PEM");
    over_tcp("--ca", connection.authorities, "WEIR_CA",
             "Who signed the daemon's certificate, PEM [the system's authorities]");
}

Result<std::string> socket_of(const Connection &connection) {
    if (!connection.connect.empty())
        return fail(Exit::usage, "this command asks a daemon of this host: it has no --connect");
    return local_socket(connection);
}

Result<Json> call(const Connection &connection, const ApiRequest &request) {
    return place_of(connection).and_then([&](const Place &place) {
        return std::visit([&](const auto &one) { return api_call(one, request); }, place);
    });
}

Result<void> stream(const Connection &connection, const std::string &target,
                    const std::function<void()> &begun, const OnLines &on_lines) {
    return place_of(connection).and_then([&](const Place &place) {
        return std::visit([&](const auto &one) { return api_stream(one, target, begun, on_lines); },
                          place);
    });
}

}  // namespace weir
