#include "lb/cli/replay.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "lb/cli/commands.h"
#include "lb/cli/report.h"

namespace weir {
namespace {

std::optional<std::string> given(const std::string &path) {
    return path.empty() ? std::nullopt : std::optional(path);
}

void tell_differences(const ReplayResult &result, const std::string &expected) {
    for (const std::string &line : result.difference_lines)
        fmt::print(stderr, "{}\n", line);
    fmt::print(stderr, "{}: {} frame{} differ{}\n", expected, result.differences,
               result.differences == 1 ? "" : "s", result.differences == 1 ? "s" : "");
}

}  // namespace

int replay_command(const ReplayOptions &options) {
    if (options.output == "-" && isatty(STDOUT_FILENO) != 0)
        return report({Exit::usage, "-w -: a capture is not for a terminal; redirect the output"});
    const auto config = load_config(options.config);
    if (!config)
        return report(config.error());
    const auto result = replay(*config, options);
    if (!result)
        return report(result.error());
    fmt::print(stderr, "{}\n", result->summary.to_string());
    if (result->differences == 0)
        return static_cast<int>(Exit::ok);
    tell_differences(*result, options.expected.value_or(""));
    return static_cast<int>(Exit::failed);
}

void add_replay_command(CLI::App &app, int &status) {
    struct Paths {
        std::string config, input, output, expected, report;
    };
    auto *command =
        app.add_subcommand("replay", "Run a capture through the data path, without a NIC");
    command->footer(
        "Every Ethernet frame of IN goes through the programs that `weir run` attaches. Those "
        "that\n"
        "come from the load balancer's own MAC (replay.mac) enter at TC egress, all others at the\n"
        "ingress hook of the first interface of the configuration (tc; or else xdp). Time is the\n"
        "capture's; next hops are synthetic (IPv4 a.b.c.d at 02:00:a:b:c:d, IPv6 at 02:01 and its\n"
        "last four bytes), so the same input gives the same bytes.\n"
        "IN may be pcap or pcapng; \"-\" is standard input or output.");
    auto paths = std::make_shared<Paths>();
    command->add_option("-c,--config", paths->config, "The configuration file")->required();
    command->add_option("-r,--read", paths->input, "The capture to run")->required();
    command->add_option("-w,--write", paths->output, "Write every frame that was not dropped");
    command->add_option("--expect", paths->expected,
                        "Compare them with this capture; exit status 1 if they differ");
    command->add_option("--json", paths->report, "Write one JSON object per frame");
    command->callback([paths, &status] {
        status = replay_command({paths->config, paths->input, given(paths->output),
                                 given(paths->expected), given(paths->report)});
    });
}

}  // namespace weir
