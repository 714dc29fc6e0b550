// weir status, services, backends, overrides and what goes below that: clients of the admin API.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "lb/api/client.h"
#include "lb/api/http.h"
#include "lb/cli/commands.h"
#include "lb/cli/connection.h"
#include "lb/cli/report.h"
#include "lb/cli/show.h"

namespace weir {
namespace {

using Show = std::string (*)(const Json &);

struct ListingOptions {
    bool json = false;
    Connection connection;
    std::string service{}, backend{};  // overrides clear
};

int list(const std::string &path, Show show, const ListingOptions &options) {
    const auto document = call(options.connection, {"GET", path});
    if (!document)
        return report(document.error());
    fmt::print("{}", options.json ? document->dump(2) + "\n" : show(*document));
    return static_cast<int>(Exit::ok);
}

struct Listing {
    CLI::App *command;
    std::shared_ptr<ListingOptions> options;
};

Listing add_listing(CLI::App &app, const char *name, const char *help, Show show, int &status) {
    auto *command = app.add_subcommand(name, help);
    auto options = std::make_shared<ListingOptions>();
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
                    std::function<int(const ListingOptions &)> run, int &status) {
    auto *command = listing.command->add_subcommand(name, help);
    add_connection_options(*command, listing.options->connection);
    command->callback(
        [run = std::move(run), options = listing.options, &status] { status = run(*options); });
    return command;
}

int clear(const ListingOptions &options) {
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
