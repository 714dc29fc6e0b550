#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <memory>

#include "lb/capture/live.h"
#include "lb/capture/verdicts.h"
#include "lb/cli/commands.h"
#include "lb/cli/report.h"
#include "lb/config/config.h"
#include "lb/config/duration.h"
#include "lb/daemon/preflight.h"

namespace weir {
namespace {

struct Arguments {
    LiveOptions live;
    std::vector<std::string> filter;
    std::string time, file_time;
    std::uint64_t frames = 0, bytes = 0, file_bytes = 0;
    bool verdicts = false;
    std::string instance = Config{}.instance;
    Side side = Side::both;
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

Result<RecordingBounds> bounds_of(const Arguments &arguments) {
    RecordingBounds bounds = arguments.live.bounds;
    const auto time = time_of("--time", arguments.time);
    const auto file_time = time_of("--file-time", arguments.file_time);
    if (!time || !file_time)
        return tl::make_unexpected(!time ? time.error() : file_time.error());
    bounds.time = *time;
    bounds.file_time = *file_time;
    if (arguments.frames != 0)
        bounds.frames = arguments.frames;
    if (arguments.bytes != 0)
        bounds.bytes = arguments.bytes;
    if (arguments.file_bytes != 0)
        bounds.file_bytes = arguments.file_bytes;
    const bool turns = bounds.file_bytes || bounds.file_time;
    if (turns != (bounds.files != 0))
        return fail(Exit::usage, turns ? "--file-size and --file-time need --files"
                                       : "--files needs --file-size or --file-time");
    if (bounds.output == "-" && bounds.files != 0)
        return fail(Exit::usage, "-w -: standard output is one file; --files makes several");
    if (bounds.output == "-" && isatty(STDOUT_FILENO) != 0)
        return fail(Exit::usage, "-w -: a capture is not for a terminal; redirect the output");
    return bounds;
}

int run_live(const LiveOptions &options) {
    const auto result = capture_live(
        options, [&] { fmt::print(stderr, "capturing on {}; ^C ends it\n", options.interface); });
    if (!result)
        return report(result.error());
    fmt::print(stderr, "{} frames captured, {} lost for want of buffer\n", result->frames,
               result->dropped);
    return static_cast<int>(Exit::ok);
}

int run_verdicts(const Arguments &arguments, const LiveOptions &live) {
    if (const auto allowed = check_privilege("weir capture --verdicts"); !allowed)
        return report(allowed.error());
    const VerdictOptions options{
        {arguments.instance, live.interface, static_cast<std::uint32_t>(live.snaplen)},
        live.filter,
        arguments.side,
        live.bounds};
    const auto result = capture_verdicts(options, [&] {
        fmt::print(stderr, "capturing in the data path of instance {} on {}; ^C ends it\n",
                   arguments.instance, live.interface);
    });
    if (!result)
        return report(result.error());
    fmt::print(stderr,
               "{} frames captured, {} events (two of each frame) lost for want of buffer\n",
               result->frames, result->lost);
    if (result->missed.count() != 0)
        fmt::print(stderr, "and nothing was captured for {:.1f} s: the output was too slow\n",
                   std::chrono::duration<double>(result->missed).count());
    return static_cast<int>(Exit::ok);
}

int run_capture(const Arguments &arguments) {
    LiveOptions live = arguments.live;
    live.filter = fmt::format("{}", fmt::join(arguments.filter, " "));
    auto bounds = bounds_of(arguments);
    if (!bounds)
        return report(bounds.error());
    live.bounds = std::move(*bounds);
    return arguments.verdicts ? run_verdicts(arguments, live) : run_live(live);
}

void add_bounds(CLI::App &command, Arguments &arguments) {
    RecordingBounds &bounds = arguments.live.bounds;
    command.add_option("-w,--write", bounds.output, "The capture; \"-\" is standard output")
        ->required();
    command.add_flag("--immediate", bounds.immediate, "Write each frame as it comes");
    command.add_option("-n,--count", arguments.frames, "End after so many frames")
        ->check(CLI::PositiveNumber);
    command.add_option("--size", arguments.bytes, "End when so much is written: 100M, 2G")
        ->transform(CLI::AsSizeValue(false));
    command.add_option("--time", arguments.time, "End after this time: 30s, 10m");
    command.add_option("--files", bounds.files, "Keep a ring of so many files, OUT.0, OUT.1, ...")
        ->check(CLI::Range(1, 10000));
    command.add_option("--file-size", arguments.file_bytes, "Bytes of each: 100M")
        ->transform(CLI::AsSizeValue(false));
    command.add_option("--file-time", arguments.file_time, "Time of each: 1h");
}

}  // namespace

void add_capture_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand("capture", "Capture live traffic, for weir replay");
    auto arguments = std::make_shared<Arguments>();
    LiveOptions &live = arguments->live;
    command->add_option("-i,--interface", live.interface, "Where; any: on all interfaces")
        ->required();
    command->add_option("FILTER", arguments->filter, "What to take, as pcap-filter(7) has it");
    command->add_option("-s,--snaplen", live.snaplen, "Bytes of a frame that are kept")
        ->check(CLI::Range(1, 262144));
    auto *promiscuous =
        command->add_flag("-p,--promiscuous", live.promiscuous, "Frames for other hosts as well");
    add_bounds(*command, *arguments);
    auto *verdicts =
        command
            ->add_flag("--verdicts", arguments->verdicts,
                       "In the data path, before and after translation, as pcapng with verdict "
                       "and drop reason as a comment of each frame")
            ->excludes(promiscuous);
    command->add_option("--instance", arguments->instance, "The instance's name [default]")
        ->needs(verdicts);
    const std::map<std::string, Side> sides{
        {"before", Side::before}, {"after", Side::after}, {"both", Side::both}};
    command
        ->add_option("--side", arguments->side,
                     "What is written of a frame that is translated: before, after, both [both]")
        ->transform(CLI::CheckedTransformer(sides).description(""))
        ->needs(verdicts);
    command->callback([arguments, &status] { status = run_capture(*arguments); });
}

}  // namespace weir
