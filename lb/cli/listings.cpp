// weir status, services, backends, flows: clients of the admin API.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lb/api/client.h"
#include "lb/api/http.h"
#include "lb/cli/commands.h"
#include "lb/cli/report.h"
#include "lb/cli/show.h"
#include "lb/config/config.h"

namespace weir {
namespace {

using Show = std::string (*)(const Json &);

struct Options {
    bool json = false;
    std::string socket;
    std::string config;
    std::vector<std::pair<std::string, std::string>> query;  // name, value; empty: not given
};

Result<std::string> socket_of(const Options &options) {
    if (!options.socket.empty())
        return options.socket;
    if (options.config.empty())
        return Config{}.api_socket;
    return load_config(options.config).map([](const Config &config) { return config.api_socket; });
}

std::string target_of(std::string target, const Options &options) {
    char separator = '?';
    for (const auto &[name, value] : options.query) {
        if (value.empty())
            continue;
        target += fmt::format("{}{}={}", separator, name, url_encode(value));
        separator = '&';
    }
    return target;
}

int list(const std::string &path, Show show, const Options &options) {
    const auto socket = socket_of(options);
    if (!socket)
        return report(socket.error());
    const auto document = api_get(*socket, target_of(path, options));
    if (!document)
        return report(document.error());
    fmt::print("{}", options.json ? document->dump(2) + "\n" : show(*document));
    return static_cast<int>(Exit::ok);
}

std::shared_ptr<Options> add_listing(CLI::App &app, const char *name, const char *help, Show show,
                                     int &status) {
    auto *command = app.add_subcommand(name, help);
    auto options = std::make_shared<Options>();
    command->add_flag("--json", options->json, "Print the API's document");
    auto *socket = command->add_option("--socket", options->socket,
                                       "The daemon's socket [/run/weir/weir.sock]");
    command->add_option("-c,--config", options->config, "Take the socket from this configuration")
        ->excludes(socket);
    command->callback([path = fmt::format("/v1/{}", name), show, options, &status] {
        status = list(path, show, *options);
    });
    return options;
}

}  // namespace

void add_status_command(CLI::App &app, int &status) {
    add_listing(app, "status", "Show the daemon, its interfaces and the drops", show_status,
                status);
}

void add_services_command(CLI::App &app, int &status) {
    add_listing(app, "services", "List the services with their counters", show_services, status);
}

void add_backends_command(CLI::App &app, int &status) {
    add_listing(app, "backends", "List the backends with weight, share and counters", show_backends,
                status);
}

void add_flows_command(CLI::App &app, int &status) {
    auto options = add_listing(app, "flows", "List the flows", show_flows, status);
    auto *command = app.get_subcommand("flows");
    options->query = {{"service", ""}, {"client", ""}, {"backend", ""}, {"limit", ""}};
    command->add_option("--service", options->query[0].second, "Only those of this service");
    command->add_option("--client", options->query[1].second,
                        "Only those from this ADDRESS or ADDRESS:PORT");
    command->add_option("--backend", options->query[2].second,
                        "Only those to this ADDRESS or ADDRESS:PORT");
    command->add_option("--limit", options->query[3].second, "At most so many [1000]");
}

}  // namespace weir
