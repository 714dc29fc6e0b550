#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "lb/capture/live.h"
#include "lb/cli/commands.h"
#include "lb/cli/report.h"
#include "lb/config/duration.h"

namespace weir {
namespace {

struct Arguments {
    LiveOptions live;
    std::vector<std::string> filter;
    std::string time, file_time;
    std::uint64_t frames = 0, file_bytes = 0;
};

// "30s" and the like; nothing where nothing was given.
Result<std::optional<std::chrono::seconds>> time_of(const char *option, const std::string &text) {
    if (text.empty())
        return std::nullopt;
    const auto time = parse_duration(text);
    if (!time)
        return fail(Exit::usage, fmt::format("{} {}, not '{}'", option, time.error(), text));
    return *time;
}

Result<LiveOptions> options_of(Arguments &arguments) {
    LiveOptions options = arguments.live;
    options.filter = fmt::format("{}", fmt::join(arguments.filter, " "));
    const auto time = time_of("--time", arguments.time);
    const auto file_time = time_of("--file-time", arguments.file_time);
    if (!time || !file_time)
        return tl::make_unexpected(!time ? time.error() : file_time.error());
    options.time = *time;
    options.file_time = *file_time;
    if (arguments.frames != 0)
        options.frames = arguments.frames;
    if (arguments.file_bytes != 0)
        options.file_bytes = arguments.file_bytes;
    const bool turns = options.file_bytes || options.file_time;
    if (turns != (options.files != 0))
        return fail(Exit::usage, turns ? "--file-size and --file-time need --files"
                                       : "--files needs --file-size or --file-time");
    if (options.output == "-" && options.files != 0)
        return fail(Exit::usage, "-w -: standard output is one file; --files makes several");
    if (options.output == "-" && isatty(STDOUT_FILENO) != 0)
        return fail(Exit::usage, "-w -: a capture is not for a terminal; redirect the output");
    return options;
}

int run_capture(Arguments &arguments) {
    const auto options = options_of(arguments);
    if (!options)
        return report(options.error());
    const auto result = capture_live(
        *options, [&] { fmt::print(stderr, "capturing on {}; ^C ends it\n", options->interface); });
    if (!result)
        return report(result.error());
    fmt::print(stderr, "{} frames captured, {} lost for want of buffer\n", result->frames,
               result->dropped);
    return static_cast<int>(Exit::ok);
}

}  // namespace

void add_capture_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand("capture", "Capture live traffic, for weir replay");
    auto arguments = std::make_shared<Arguments>();
    LiveOptions &live = arguments->live;
    command->add_option("-i,--interface", live.interface, "Where; any: on all interfaces")
        ->required();
    command->add_option("-w,--write", live.output, "The capture; \"-\" is standard output")
        ->required();
    command->add_option("FILTER", arguments->filter, "What to take, as pcap-filter(7) has it");
    command->add_option("-s,--snaplen", live.snaplen, "Bytes of a frame that are kept")
        ->check(CLI::Range(1, 262144));
    command->add_flag("-p,--promiscuous", live.promiscuous, "Frames for other hosts as well");
    command->add_flag("--immediate", live.immediate, "Write each frame as it comes");
    command->add_option("-n,--count", arguments->frames, "End after so many frames")
        ->check(CLI::PositiveNumber);
    command->add_option("--time", arguments->time, "End after this time: 30s, 10m");
    command->add_option("--files", live.files, "Keep a ring of so many files, OUT.0, OUT.1, ...")
        ->check(CLI::Range(1, 10000));
    command->add_option("--file-size", arguments->file_bytes, "Bytes of each: 100M")
        ->transform(CLI::AsSizeValue(false));
    command->add_option("--file-time", arguments->file_time, "Time of each: 1h");
    command->callback([arguments, &status] { status = run_capture(*arguments); });
}

}  // namespace weir
