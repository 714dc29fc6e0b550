// weir doctor: what on this host would hurt. Changes nothing; needs no daemon.
#include "lb/doctor/doctor.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "lb/cli/commands.h"
#include "lb/cli/report.h"

namespace weir {
namespace {

struct DoctorOptions {
    std::string config;
    bool json = false;
};

// The file that is named; or the default one, if it is there.
Result<std::optional<Config>> config_of(const DoctorOptions &options) {
    std::error_code ignored;
    if (options.config.empty() && !std::filesystem::exists(kDefaultFile, ignored))
        return std::optional<Config>();
    return load_config(options.config.empty() ? kDefaultFile : options.config)
        .map([](Config config) { return std::optional(std::move(config)); });
}

int examine_host(const DoctorOptions &options) {
    const auto config = config_of(options);
    if (!config)
        return report(config.error());
    const auto findings = examine(*config ? &**config : nullptr);
    if (!findings)
        return report(findings.error());
    if (options.json)
        fmt::print("{}\n", to_json(*findings).dump(2));
    else
        fmt::print("{}", show_findings(*findings));
    return static_cast<int>(is_healthy(*findings) ? Exit::ok : Exit::failed);
}

}  // namespace

void add_doctor_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand(
        "doctor", "Tell what on this host would hurt, and the command that mends it");
    command->footer(
        "Exit status: 0 nothing fails, 1 something does, 2 usage or configuration, 3 the system\n"
        "refused to tell. Without -c it takes /etc/weir/weir.yaml; without that, the host alone.");
    auto options = std::make_shared<DoctorOptions>();
    command->add_option("-c,--config", options->config, "The configuration file");
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([options, &status] { status = examine_host(*options); });
}

}  // namespace weir
