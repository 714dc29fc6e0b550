// The subcommands. Each adds itself to the application; when it is the one that was asked for, it
// runs and leaves its exit status in `status`, which has to outlive the application.
#pragma once

#include <CLI/CLI.hpp>

namespace weir {

// Where a configuration is looked for when nothing says where.
inline constexpr const char *kDefaultFile = "/etc/weir/weir.yaml";

void add_run_command(CLI::App &app, int &status);
void add_check_command(CLI::App &app, int &status);
void add_status_command(CLI::App &app, int &status);
void add_services_command(CLI::App &app, int &status);
void add_backends_command(CLI::App &app, int &status);
void add_flows_command(CLI::App &app, int &status);
void add_top_command(CLI::App &app, int &status);
void add_doctor_command(CLI::App &app, int &status);
void add_overrides_command(CLI::App &app, int &status);
void add_backend_command(CLI::App &app, int &status);
void add_reload_command(CLI::App &app, int &status);
void add_detach_command(CLI::App &app, int &status);
void add_replay_command(CLI::App &app, int &status);
void add_capture_command(CLI::App &app, int &status);
void add_monitor_command(CLI::App &app, int &status);
void add_trace_command(CLI::App &app, int &status);

// The whole command line: parses it, runs what it says, returns the exit status.
int run_cli(int argc, const char *const *argv);

}  // namespace weir
