// weir run, weir check
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

#include "lb/cli/commands.h"
#include "lb/cli/report.h"
#include "lb/config/config.h"
#include "lb/daemon/run.h"

namespace weir {
namespace {

std::shared_ptr<std::string> add_config_option(CLI::App &command) {
    auto file = std::make_shared<std::string>(kDefaultFile);
    command.add_option("-c,--config", *file, "The configuration file")->capture_default_str();
    return file;
}

int check(const std::string &file) {
    const auto config = load_config(file);
    if (!config)
        return report(config.error());
    fmt::print("{}", to_yaml(*config));
    return static_cast<int>(Exit::ok);
}

}  // namespace

void add_run_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand("run", "Run the daemon in the foreground");
    command->footer(
        "SIGHUP reloads the configuration. SIGTERM and SIGINT end the daemon; the data path goes\n"
        "on without it until `weir detach`.");
    const auto file = add_config_option(*command);
    command->callback([file, &status] { status = report(run_daemon(*file)); });
}

void add_check_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand(
        "check", "Validate a configuration file and print the effective configuration");
    const auto file = add_config_option(*command);
    command->callback([file, &status] { status = check(*file); });
}

}  // namespace weir
