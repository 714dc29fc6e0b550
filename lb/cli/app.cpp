#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>

#include "lb/cli/commands.h"
#include "lb/cli/report.h"

namespace weir {
namespace {

constexpr const char *kCannotWrite = "standard output: cannot write";

bool written() {
    return std::ferror(stdout) == 0;
}

// CLI11 throws for everything that ends parsing, --help included.
int end_parsing(CLI::App &app, const CLI::ParseError &reason) {
    if (reason.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
        return app.exit(reason);
    // the subcommand that was being read, if any, with those above it
    std::string about;
    for (auto read = app.get_subcommands(); !read.empty(); read = read.back()->get_subcommands())
        about += " " + read.back()->get_name();
    return report({Exit::usage, fmt::format("{} (see weir{} --help)", reason.what(), about)});
}

int parse_and_run(int argc, const char *const *argv) {
    int status = 0;
    CLI::App app("Weir: a layer-4 load balancer in XDP and TC", "weir");
    app.set_version_flag("--version", "weir " WEIR_VERSION);
    add_run_command(app, status);
    add_check_command(app, status);
    add_status_command(app, status);
    add_services_command(app, status);
    add_backends_command(app, status);
    add_flows_command(app, status);
    add_top_command(app, status);
    add_doctor_command(app, status);
    add_overrides_command(app, status);
    add_backend_command(app, status);
    add_reload_command(app, status);
    add_detach_command(app, status);
    add_replay_command(app, status);
    add_capture_command(app, status);
    add_monitor_command(app, status);
    add_trace_command(app, status);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &reason) {
        return end_parsing(app, reason);
    }
    if (app.get_subcommands().empty()) {
        fmt::print(stderr, "{}", app.help());
        return static_cast<int>(Exit::usage);
    }
    return status;
}

}  // namespace

int run_cli(int argc, const char *const *argv) {
    int status = 0;
    try {
        status = parse_and_run(argc, argv);
    } catch (const std::exception &error) {
        // {fmt} throws when the buffer was full and could not be written
        return report(
            {Exit::failed, fmt::format("{}: {}", written() ? "weir" : kCannotWrite, error.what())});
    }
    // a reader must not take a part for the whole; a failure is told already
    errno = 0;
    if (status != 0 || (std::fflush(stdout) == 0 && written()))
        return status;
    return report({Exit::failed, fmt::format("{}: {}", kCannotWrite, std::strerror(errno))});
}

}  // namespace weir
