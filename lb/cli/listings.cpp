// weir status, services, backends, flows, overrides, and what goes below the last two: clients of
// the admin API.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lb/api/client.h"
#include "lb/api/http.h"
#include "lb/cli/commands.h"
#include "lb/cli/connection.h"
#include "lb/cli/report.h"
#include "lb/cli/show.h"

namespace weir {
namespace {

using Show = std::string (*)(const Json &);

struct Options {
    bool json = false;
    Connection connection;
    std::vector<std::pair<std::string, std::string>> query{};  // name, value; empty: not given
    bool all = false;                                          // flows flush
    std::string service{}, backend{};                          // overrides clear
};

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
    const auto document = call(options.connection, {"GET", target_of(path, options)});
    if (!document)
        return report(document.error());
    fmt::print("{}", options.json ? document->dump(2) + "\n" : show(*document));
    return static_cast<int>(Exit::ok);
}

struct Listing {
    CLI::App *command;
    std::shared_ptr<Options> options;
};

Listing add_listing(CLI::App &app, const char *name, const char *help, Show show, int &status) {
    auto *command = app.add_subcommand(name, help);
    auto options = std::make_shared<Options>();
    command->add_flag("--json", options->json, "Print the API's document");
    add_connection_options(*command, options->connection);
    command->callback([command, path = fmt::format("/v1/{}", name), show, options, &status] {
        if (command->get_subcommands().empty())
            status = list(path, show, *options);
    });
    return {command, options};
}

// A command below a listing. The two have their options in common, so that those given before its
// name count as well.
CLI::App *add_below(const Listing &listing, const char *name, const char *help,
                    std::function<int(const Options &)> run, int &status) {
    auto *command = listing.command->add_subcommand(name, help);
    add_connection_options(*command, listing.options->connection);
    command->callback(
        [run = std::move(run), options = listing.options, &status] { status = run(*options); });
    return command;
}

void add_filters(CLI::App &command, Options &options) {
    command.add_option("--service", options.query[0].second, "Only those of this service")
        ->check(refuse_empty);
    command
        .add_option("--client", options.query[1].second,
                    "Only those from this ADDRESS or ADDRESS:PORT")
        ->check(refuse_empty);
    command
        .add_option("--backend", options.query[2].second,
                    "Only those to this ADDRESS or ADDRESS:PORT")
        ->check(refuse_empty);
}

int flush(Options options) {
    if (options.all)
        options.query.emplace_back("all", "true");
    const auto document = call(options.connection, {"DELETE", target_of("/v1/flows", options)});
    if (!document)
        return report(document.error());
    fmt::print("deleted {} flows\n", document->at("deleted").get<std::uint64_t>());
    if (!document->at("truncated").get<bool>())
        return static_cast<int>(Exit::ok);
    return report({Exit::failed, "time was up before the end of the tables: repeat the command"});
}

int clear(const Options &options) {
    const auto target = options.service.empty()
                            ? std::string("/v1/overrides")
                            : fmt::format("/v1/overrides/{}/{}", url_encode(options.service),
                                          url_encode(options.backend));
    const auto document = call(options.connection, {"DELETE", target});
    if (!document)
        return report(document.error());
    fmt::print("removed {} overrides\n", document->at("removed").get<std::uint64_t>());
    report_warning(*document);
    return static_cast<int>(Exit::ok);
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
    add_listing(app, "backends", "List the backends with state, weight, share and counters",
                show_backends, status);
}

void add_flows_command(CLI::App &app, int &status) {
    const auto listing = add_listing(app, "flows", "List the flows", show_flows, status);
    auto &options = *listing.options;
    options.query = {{"service", ""}, {"client", ""}, {"backend", ""}, {"limit", ""}};
    add_filters(*listing.command, options);
    listing.command->add_option("--limit", options.query[3].second, "At most so many [1000]");
    auto *below =
        add_below(listing, "flush", "Delete flows; a client that goes on sending opens a new one",
                  flush, status);
    add_filters(*below, options);
    below->add_flag("--all", options.all, "Delete every flow");
}

void add_overrides_command(CLI::App &app, int &status) {
    const auto listing =
        add_listing(app, "overrides", "List what `weir backend` changed over the configuration",
                    show_overrides, status);
    auto *below = add_below(listing, "clear",
                            "Remove the override of a backend, or all: the configuration is in "
                            "force again",
                            clear, status);
    auto *service = below->add_option("SERVICE", listing.options->service, "The service's name")
                        ->check(refuse_empty);
    auto *backend =
        below
            ->add_option("BACKEND", listing.options->backend, "ADDRESS:PORT or [IPV6-ADDRESS]:PORT")
            ->check(refuse_empty);
    service->needs(backend);
}

}  // namespace weir
