// weir trace sockets: how long the calls of the socket API take, by process.
#include <fmt/format.h>
#include <linux/capability.h>
#include <unistd.h>

#include <chrono>
#include <clocale>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lb/cli/commands.h"
#include "lb/cli/connection.h"
#include "lb/cli/report.h"
#include "lb/config/duration.h"
#include "lb/daemon/preflight.h"
#include "lb/trace/follow.h"
#include "lb/trace/outputs.h"

namespace weir {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShortestTrace{100};
constexpr milliseconds kLongestInterval{60'000};  // tables hold what comes in one

constexpr const char *kTraceFooter =
    "On a terminal: a live table (q ends it). Into a pipe: one table at the end, and with\n"
    "--interval or --count one for each interval as well. Ctrl-C, --duration, --count, and the\n"
    "end of the process of --pid, end it: then come the histograms.\n"
    "accept, recv, recvmsg, recvmmsg and connect include waiting for the other side. P50, P99 and\n"
    "MAX are of calls that did what they were asked for; AGAIN counts those that were not ready\n"
    "(EAGAIN), under way (EINPROGRESS, EALREADY) or interrupted (EINTR), FAILED all others.\n"
    "send is sendto(), recv recvfrom(). read() and write() are not seen, nor io_uring, nor what\n"
    "32-bit programs call. docs/trace.md has the columns and the limits.";

struct TraceArguments {
    std::uint32_t pid = 0;
    std::string comm, calls, interval, duration, sort = "time";
    std::uint64_t count = 0;
    std::optional<std::size_t> top;
    bool json = false;
    bool by_name = false;
};

struct Wanted {
    SocketTraceOptions trace;
    FollowOptions follow;
    OutputOptions output;
};

Result<milliseconds> time_of(const char *option, const std::string &text, milliseconds least) {
    const auto time = parse_short_duration(text);
    if (!time)
        return fail(Exit::usage, fmt::format("{} \"{}\": {}", option, text, time.error()));
    if (*time < least)
        return fail(Exit::usage, fmt::format("{} \"{}\": must be {} or more", option, text,
                                             print_duration(least)));
    return *time;
}

Result<FollowOptions> ends_of(const TraceArguments &arguments) {
    FollowOptions options{kShortestTrace * 10, std::nullopt, arguments.count, arguments.by_name};
    if (!arguments.interval.empty()) {
        const auto interval = time_of("--interval", arguments.interval, kShortestTrace);
        if (!interval)
            return tl::make_unexpected(interval.error());
        if (*interval > kLongestInterval)
            return fail(Exit::usage,
                        fmt::format("--interval \"{}\": must be {} or less", arguments.interval,
                                    print_duration(kLongestInterval)));
        options.interval = *interval;
    }
    if (!arguments.duration.empty()) {
        const auto duration = time_of("--duration", arguments.duration, milliseconds(1));
        if (!duration)
            return tl::make_unexpected(duration.error());
        options.duration = *duration;
    }
    return options;
}

std::string what_is_traced(const TraceArguments &arguments) {
    const auto calls = arguments.calls.empty() ? "all calls" : arguments.calls;
    if (arguments.pid == 0 && arguments.comm.empty())
        return calls + " of all processes";
    const auto comm = arguments.comm.empty() ? "" : " " + arguments.comm;
    return fmt::format("{} of{}{}", calls, comm,
                       arguments.pid == 0 ? "" : fmt::format(" process {}", arguments.pid));
}

Result<Wanted> wanted_of(const TraceArguments &arguments) {
    const auto calls =
        arguments.calls.empty() ? Result<CallSet>(CallSet().set()) : parse_calls(arguments.calls);
    const auto ends = ends_of(arguments);
    const auto sort = parse_trace_sort(arguments.sort);
    if (!calls)
        return tl::make_unexpected(calls.error());
    if (!ends)
        return tl::make_unexpected(ends.error());
    if (!sort)
        return tl::make_unexpected(sort.error());
    const bool each = !arguments.interval.empty() || arguments.count != 0;
    return Wanted{{*calls, arguments.pid, arguments.comm},
                  *ends,
                  {what_is_traced(arguments), *sort, arguments.top, each}};
}

Result<void> check_trace_privilege() {
    const auto own = effective_capabilities();
    const auto has = [&](unsigned bit) { return (own >> bit & 1) != 0; };
    if (has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON)))
        return {};
    return fail(Exit::refused, "weir trace sockets needs CAP_BPF and CAP_PERFMON: run it as root");
}

// A process whose end is the end of the trace, if there is one that can be followed.
Result<Fd> process_of(const TraceArguments &arguments) {
    const bool first = in_first_pid_namespace();
    if (!first)
        fmt::print(stderr,
                   "this is a container: processes have the numbers that they have on its "
                   "host, for --pid as well\n");
    if (arguments.pid == 0 || !first)
        return Fd();
    return open_process(arguments.pid);
}

Result<std::unique_ptr<TraceOutput>> output_of(const TraceArguments &arguments,
                                               OutputOptions options) {
    if (arguments.json)
        return json_output(options);
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0)
        return text_output(options);
    if (auto screen = screen_output(options))
        return screen;
    // a terminal like a teletype
    options.each = true;
    return text_output(options);
}

Result<void> trace_sockets(const TraceArguments &arguments) {
    const auto wanted = wanted_of(arguments);
    if (!wanted)
        return tl::make_unexpected(wanted.error());
    if (auto allowed = check_trace_privilege(); !allowed)
        return allowed;
    auto process = process_of(arguments);
    if (!process)
        return tl::make_unexpected(process.error());
    auto trace = SocketTrace::start(wanted->trace);
    if (!trace)
        return tl::make_unexpected(trace.error());
    for (const auto &name : trace->missing())
        fmt::print(stderr, "{}() is not traced: this kernel has no tracepoints for it\n", name);
    // before the terminal, or ncurses puts handlers of its own
    const auto waiter = Waiter::open(std::move(*process));
    if (!waiter)
        return tl::make_unexpected(waiter.error());
    fmt::print(stderr, "tracing {}; Ctrl-C ends it\n", wanted->output.what);
    auto output = output_of(arguments, wanted->output);
    return follow(*trace, *waiter, wanted->follow, **output);
}

void add_sockets_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand(
        "sockets",
        "How long socket(), bind(), listen(), accept(), connect(), send and receive "
        "calls take, by process");
    auto arguments = std::make_shared<TraceArguments>();
    command->add_option("--pid", arguments->pid, "Only this process, with its threads")
        ->check(CLI::Range(1U, 4194304U));
    command
        ->add_option("--comm", arguments->comm,
                     "Only processes of this name, as /proc/PID/comm has it; not a thread's")
        ->check(refuse_empty);
    command->add_option("--call", arguments->calls, "Only these, with commas: " + call_names())
        ->check(refuse_empty);
    command->add_option("--interval", arguments->interval, "From one look to the next [1s]")
        ->check(refuse_empty);
    command->add_option("--duration", arguments->duration, "End after this time: 30s, 10m")
        ->check(refuse_empty);
    command->add_option("-n,--count", arguments->count, "End after so many intervals")
        ->check(CLI::PositiveNumber);
    command->add_option("--top", arguments->top,
                        "At most so many rows, and histograms; 0: all [20; --json: all]");
    command->add_option("--sort", arguments->sort,
                        "The largest first: " + trace_sort_names() +
                            "; time: the time spent, accept and recv... after all others [time]");
    command->add_flag("--by-name", arguments->by_name, "Processes of one name count together");
    command->add_flag("--json", arguments->json, "One JSON object a line");
    command->footer(kTraceFooter);
    command->callback([arguments, &status] {
        // how wide a character is
        std::setlocale(LC_CTYPE, "");
        status = report(trace_sockets(*arguments));
    });
}

}  // namespace

void add_trace_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand("trace", "See what programs wait for");
    command->require_subcommand(1);
    add_sockets_command(*command, status);
}

}  // namespace weir
