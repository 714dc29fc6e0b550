#include "lb/cli/replay.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "lb/cli/commands.h"
#include "lb/cli/progress.h"
#include "lb/cli/replay_suite.h"
#include "lb/cli/report.h"
#include "lb/replay/diff.h"
#include "lb/replay/fields.h"

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
    const auto result = [&] {
        Progress progress;
        ReplayOptions shown = options;
        shown.progress = [&](const ReplayPosition &position) { progress.show(position); };
        return replay(*config, shown);
    }();
    if (!result)
        return report(result.error());
    fmt::print(stderr, "{}\n", result->summary.to_string());
    if (result->differences == 0)
        return static_cast<int>(Exit::ok);
    tell_differences(*result, options.expected.value_or(""));
    return static_cast<int>(Exit::failed);
}

namespace {

struct ReplayArguments {
    std::string config, input, output, expected, report, junit;
    std::vector<std::string> ignored, diff;
    bool timing = false;
    SuiteCommand suite;
};

Result<void> check_fields(const std::vector<std::string> &names) {
    for (const std::string &name : names)
        if (!names_a_field(name))
            return fail(Exit::usage, fmt::format("--ignore: '{}' is no field's name, such as "
                                                 "'ip.id', nor a protocol's, such as 'eth'",
                                                 name));
    return {};
}

int run_diff(const ReplayArguments &arguments) {
    if (arguments.input.empty())
        return report({Exit::usage, "--diff needs the capture, -r"});
    const auto before = load_config(arguments.diff.at(0));
    if (!before)
        return report(before.error());
    const auto after = load_config(arguments.diff.at(1));
    if (!after)
        return report(after.error());
    const auto result = diff(*before, *after, arguments.input);
    if (!result)
        return report(result.error());
    for (const std::string &line : result->lines)
        fmt::print("{}\n", line);
    fmt::print("{}\n", result->to_string());
    return static_cast<int>(result->changes() ? Exit::failed : Exit::ok);
}

int run_one(const ReplayArguments &arguments) {
    if (arguments.config.empty() || arguments.input.empty())
        return report({Exit::usage,
                       "replay needs -c and -r, or --suite, or --diff (see weir replay --help)"});
    if (auto known = check_fields(arguments.ignored); !known)
        return report(known.error());
    ReplayOptions options{arguments.config,        arguments.input,
                          given(arguments.output), given(arguments.expected),
                          given(arguments.report), arguments.timing ? Timing::yes : Timing::no,
                          arguments.ignored};
    if (arguments.suite.suite.update) {
        if (!options.expected || options.output)
            return report(
                {Exit::usage, "--update writes the file of --expect: name it, and no -w"});
        options.output.swap(options.expected);
    }
    return replay_command(options);
}

int run_replay(ReplayArguments &arguments) {
    if (!arguments.diff.empty())
        return run_diff(arguments);
    if (arguments.suite.suite.folder.empty())
        return run_one(arguments);
    arguments.suite.junit = given(arguments.junit);
    return suite_command(arguments.suite);
}

constexpr auto kFooter =
    "Every Ethernet frame of IN goes through the programs that `weir run` attaches. Those that\n"
    "come from the load balancer's own MAC (replay.mac) enter at TC egress, all others at the\n"
    "ingress hook of the first interface of the configuration (tc; or else xdp). Time is the\n"
    "capture's; next hops are synthetic (IPv4 a.b.c.d at 02:00:a:b:c:d, IPv6 at 02:01 and its\n"
    "last four bytes), so the same input gives the same bytes.\n"
    "IN may be pcap or pcapng; \"-\" is standard input or output.\n"
    "A suite is a folder of cases: folders with weir.yaml, and in.pcap and expected.pcap or\n"
    "steps.yaml (docs/replay.md).";

void add_single(CLI::App &command, ReplayArguments &arguments) {
    command.add_option("-c,--config", arguments.config, "The configuration file");
    command.add_option("-r,--read", arguments.input, "The capture to run");
    command.add_option("-w,--write", arguments.output, "Write every frame that was not dropped");
    command.add_option("--expect", arguments.expected,
                       "Compare them with this capture; exit status 1 if they differ");
    command
        .add_option("--ignore", arguments.ignored,
                    "Fields that are not compared, as tshark names them")
        ->delimiter(',');
    auto *report = command.add_option("--json", arguments.report,
                                      "Write one JSON object per frame, and a summary");
    command.add_flag("--timing", arguments.timing, "With the time that each frame took")
        ->needs(report);
    command.add_flag("--update", arguments.suite.suite.update,
                     "Write what is expected, in place of comparing with it");
    auto *diff = command.add_option("--diff", arguments.diff,
                                    "OLD NEW: what another configuration would change for IN; exit "
                                    "status 1 if it does");
    diff->expected(2);
    for (const char *other : {"-c", "-w", "--expect", "--ignore", "--json", "--update"})
        diff->excludes(command.get_option(other));
}

void add_suite(CLI::App &command, ReplayArguments &arguments) {
    auto *suite =
        command.add_option("--suite", arguments.suite.suite.folder, "Run all cases in this folder");
    for (const char *other : {"-c", "-r", "-w", "--expect", "--ignore", "--json", "--diff"})
        suite->excludes(command.get_option(other));
    command.add_option("--junit", arguments.junit, "Write the suite's results as JUnit XML")
        ->needs(suite);
    command.add_flag("--tap", arguments.suite.tap, "Tell the suite's results as TAP")->needs(suite);
    command
        .add_option("--jobs", arguments.suite.suite.jobs, "Cases at once; one per CPU if not given")
        ->needs(suite)
        ->check(CLI::Range(1, 1024));
}

}  // namespace

void add_replay_command(CLI::App &app, int &status) {
    auto *command =
        app.add_subcommand("replay", "Run a capture through the data path, without a NIC");
    command->footer(kFooter);
    auto arguments = std::make_shared<ReplayArguments>();
    add_single(*command, *arguments);
    add_suite(*command, *arguments);
    command->callback([arguments, &status] { status = run_replay(*arguments); });
}

}  // namespace weir
