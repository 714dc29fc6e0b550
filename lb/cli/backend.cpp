// weir backend, weir reload: changes to a running daemon, through the admin API.
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
#include "lb/config/config.h"

namespace weir {
namespace {

struct Target {
    Connection connection;
    std::string service{};
    std::string backend{};
    std::string weight{};
};

int change(const Target &target, const Json &body) {
    const auto path = fmt::format("/v1/services/{}/backends/{}", url_encode(target.service),
                                  url_encode(target.backend));
    const auto document = call(target.connection, {"PATCH", path, body});
    if (!document)
        return report(document.error());
    fmt::print("{}", show_change(*document));
    report_warning(*document);
    return static_cast<int>(Exit::ok);
}

int change_weight(const Target &target) {
    const auto weight = parse_number(target.weight, kHighestWeight);
    if (!weight && target.weight != "default")
        return report(
            {Exit::usage,
             fmt::format("weight {}: expected a number from 0 to {}, or `default` for the "
                         "configured one",
                         target.weight, kHighestWeight)});
    return change(target, {{"weight", weight ? Json(*weight) : Json(nullptr)}});
}

CLI::App *add_action(CLI::App &parent, const char *name, const char *help,
                     const std::shared_ptr<Target> &target) {
    auto *command = parent.add_subcommand(name, help);
    add_connection_options(*command, target->connection);
    command->add_option("SERVICE", target->service, "The service's name")
        ->required()
        ->check(refuse_empty);
    command->add_option("BACKEND", target->backend, "ADDRESS:PORT or [IPV6-ADDRESS]:PORT")
        ->required()
        ->check(refuse_empty);
    return command;
}

void add_admin(CLI::App &parent, const char *name, const char *admin, const char *help,
               const std::shared_ptr<Target> &target, int &status) {
    add_action(parent, name, help, target)->callback([target, admin, &status] {
        status = change(*target, {{"admin", admin}});
    });
}

}  // namespace

void add_backend_command(CLI::App &app, int &status) {
    auto *parent =
        app.add_subcommand("backend", "Take a backend out, back in, or give it a weight");
    parent->require_subcommand(1);
    parent->footer(
        "What is changed here stays over restarts and reloads, until `weir overrides clear`.");
    const auto target = std::make_shared<Target>();
    add_admin(*parent, "drain", "drain",
              "No new flows; those there are go on until they end or drain_timeout is over", target,
              status);
    add_admin(*parent, "enable", "enabled", "End a drain or a maintenance; a weight stays", target,
              status);
    add_admin(*parent, "disable", "maintenance",
              "Maintenance: no flows and no checks; what becomes of the flows is for on_down",
              target, status);
    auto *weight = add_action(*parent, "weight", "Its share of new flows", target);
    weight->add_option("WEIGHT", target->weight, "0 to 65535, or `default`: the configured one")
        ->required();
    weight->callback([target, &status] { status = change_weight(*target); });
}

void add_reload_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand(
        "reload",
        "Have the daemon read its configuration again: all of it is in force, or nothing");
    auto connection = std::make_shared<Connection>();
    add_connection_options(*command, *connection);
    command->callback([connection, &status] {
        const auto document = call(*connection, {"POST", "/v1/reload"});
        status = document ? static_cast<int>(Exit::ok) : report(document.error());
    });
}

}  // namespace weir
