#include "lb/cli/replay_suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include "lb/cli/report.h"
#include "lb/replay/junit.h"

namespace weir {
namespace {

double seconds(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

void tell_line(const CaseResult &result) {
    fmt::print("{:<8} {} ({} frames, {:.2f} s)\n", to_string(result.status), result.name,
               result.frames, seconds(result.duration));
    for (const std::string &line : result.lines)
        fmt::print("         {}\n", line);
    std::fflush(stdout);
}

// TAP version 14: a block of YAML tells what is wrong.
void tell_tap(const CaseResult &result, std::size_t number) {
    fmt::print("{} {} - {}{}\n", result.exit == Exit::ok ? "ok" : "not ok", number, result.name,
               result.status == CaseResult::Status::updated ? " (updated)" : "");
    if (!result.lines.empty()) {
        fmt::print("  ---\n  message: |\n");
        for (const std::string &line : result.lines)
            fmt::print("    {}\n", line);
        fmt::print("  ...\n");
    }
    std::fflush(stdout);
}

std::string sum_up(const std::vector<CaseResult> &results, std::chrono::nanoseconds duration) {
    std::map<std::string_view, std::size_t> counts;
    std::uint64_t frames = 0;
    for (const CaseResult &result : results) {
        counts[to_string(result.status)]++;
        frames += result.frames;
    }
    std::string text = fmt::format("{} case{}:", results.size(), results.size() == 1 ? "" : "s");
    const char *comma = "";
    for (const std::string_view status : {"ok", "updated", "differs", "failed"})
        if (const auto found = counts.find(status); found != counts.end()) {
            text += fmt::format("{} {} {}", comma, found->second, status);
            comma = ",";
        }
    return text + fmt::format("; {} frames in {:.2f} s", frames, seconds(duration));
}

}  // namespace

int suite_command(const SuiteCommand &command) {
    const auto start = std::chrono::steady_clock::now();
    std::size_t number = 0;
    if (command.tap)
        fmt::print("TAP version 14\n");
    const auto results = run_suite(command.suite, [&](const CaseResult &result) {
        number++;
        if (command.tap)
            tell_tap(result, number);
        else
            tell_line(result);
    });
    if (!results)
        return report(results.error());
    const auto duration = std::chrono::steady_clock::now() - start;
    if (command.tap)
        fmt::print("1..{}\n", results->size());
    else
        fmt::print("{}\n", sum_up(*results, duration));
    if (command.junit)
        if (auto written = write_junit(*command.junit, command.suite.folder, *results, duration);
            !written)
            return report(written.error());
    int status = static_cast<int>(Exit::ok);
    for (const CaseResult &result : *results)
        status = std::max(status, static_cast<int>(result.exit));
    return status;
}

}  // namespace weir
