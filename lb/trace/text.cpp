#include "lb/trace/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "lb/top/table.h"
#include "lb/trace/calls.h"

namespace weir {
namespace {

// In the order of the enumeration.
constexpr std::array<const char *, 5> kSorts{"time", "calls", "p99", "max", "failed"};

std::uint64_t weight(const TraceCalls &calls, TraceSort sort) {
    switch (sort) {
        case TraceSort::calls:
            return calls.count();
        case TraceSort::p99:
            return calls.done.percentile(99);
        case TraceSort::max:
            return calls.done.max();
        case TraceSort::failed:
            return calls.failed();
        case TraceSort::time:
            break;
    }
    return calls.time();
}

std::vector<TopColumn> columns(bool live) {
    // the higher the rank, the sooner a narrow screen leaves it out
    std::vector<TopColumn> all{{"PID", true}, {"COMM", false, 0, 4}, {"CALL"}};
    if (live)
        all.push_back({"CALLS/S", true, 4});
    for (const auto &column : std::vector<TopColumn>{{"CALLS", true, 0},
                                                     {"P50", true, 3},
                                                     {"P99", true, 0},
                                                     {"MAX", true, 2},
                                                     {"AGAIN", true, 5},
                                                     {"FAILED", true, 1},
                                                     {"WAITING", true, 6},
                                                     {"LONGEST", true, 7},
                                                     {"ERRORS", false, 8, 6}})
        all.push_back(column);
    return all;
}

std::string errors_text(const TraceCalls &calls) {
    std::string text;
    for (const auto &[error, times] : calls.errors)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", errno_name(error), times.count());
    return text;
}

std::string or_dash(bool known, const std::string &text) {
    return known ? text : "-";
}

// `per_second`: of a live table.
TopCells cells(TraceRow row, std::optional<double> per_second) {
    const auto &[key, calls] = *row;
    const bool any = calls.done.count() != 0;
    const auto time = [&](std::uint64_t ns) { return TopCell{or_dash(any, format_time(ns))}; };
    TopCells cells{{or_dash(key.first.pid != 0, std::to_string(key.first.pid))},
                   {printable(key.first.comm)},
                   {std::string(name_of(key.second))}};
    if (per_second)
        cells.push_back({format_rate(*per_second)});
    cells.push_back({format_count(calls.count())});
    cells.push_back(time(calls.done.percentile(50)));
    cells.push_back(time(calls.done.percentile(99)));
    cells.push_back(time(calls.done.max()));
    cells.push_back({format_count(calls.again())});
    cells.push_back(
        {format_count(calls.failed()), calls.failed() == 0 ? TopStyle::plain : TopStyle::bad});
    cells.push_back({format_count(calls.waiting)});
    cells.push_back({or_dash(calls.waiting != 0, format_time(calls.longest))});
    cells.push_back({errors_text(calls)});
    return cells;
}

TopLine line(std::string text, TopStyle style = TopStyle::plain) {
    return {{{std::move(text), style}}};
}

std::string title(const TraceMoment &moment) {
    return fmt::format("weir trace sockets  {}  {}, {:.1f} s", moment.clock, printable(moment.what),
                       moment.seconds);
}

double per_second(const Tally::Key &key, const TraceInterval &last) {
    const auto found = last.tally.calls().find(key);
    const auto calls = found == last.tally.calls().end() ? 0 : found->second.count();
    return static_cast<double>(calls) / last.seconds;
}

std::size_t shown_of(std::size_t rows, const TraceLook &look) {
    return look.top == 0 ? rows : std::min(rows, look.top);
}

}  // namespace

Result<TraceSort> parse_trace_sort(const std::string &text) {
    for (std::size_t i = 0; i < kSorts.size(); i++)
        if (kSorts.at(i) == text)
            return static_cast<TraceSort>(i);
    return fail(Exit::usage, fmt::format("--sort: '{}' is none of {}", text, trace_sort_names()));
}

std::string_view to_string(TraceSort sort) {
    return kSorts.at(static_cast<std::size_t>(sort));
}

std::string trace_sort_names() {
    std::string names;
    for (const char *name : kSorts)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    return names;
}

TraceSort next_sort(TraceSort sort) {
    return static_cast<TraceSort>((static_cast<std::size_t>(sort) + 1) % kSorts.size());
}

std::vector<TraceRow> sorted(const Tally &tally, TraceSort sort) {
    std::vector<std::pair<std::uint64_t, TraceRow>> rows;
    for (const auto &row : tally.calls())
        if (row.second.count() + row.second.waiting != 0)
            rows.emplace_back(weight(row.second, sort), &row);
    std::stable_sort(rows.begin(), rows.end(), [&](const auto &a, const auto &b) {
        const bool a_waits = sort == TraceSort::time && waits(a.second->first.second);
        const bool b_waits = sort == TraceSort::time && waits(b.second->first.second);
        return a_waits != b_waits ? b_waits : a.first > b.first;
    });
    std::vector<TraceRow> all;
    all.reserve(rows.size());
    for (const auto &[by, row] : rows)
        all.push_back(row);
    return all;
}

std::vector<TopLine> trace_screen(const Tally &all, const TraceInterval &last,
                                  const TraceMoment &moment, const TraceLook &look,
                                  const TopSize &size) {
    const auto rows = sorted(all, look.sort);
    std::vector<TopLine> lines{line(title(moment), TopStyle::title)};
    for (const auto &missing : missing_calls(all))
        lines.push_back(line("! " + missing, TopStyle::bad));
    const auto used = lines.size() + 3;  // the titles, two lines below
    const auto room = size.rows - std::min(size.rows, used);
    std::vector<TopCells> shown;
    for (std::size_t i = 0; i < std::min(room, shown_of(rows.size(), look)); i++)
        shown.push_back(cells(rows[i], per_second(rows[i]->first, last)));
    const TopTable table(columns(true), shown, size.columns);
    lines.push_back(table.titles());
    for (const TopCells &one : shown)
        lines.push_back(table.line(one));
    if (rows.size() > shown.size())
        lines.push_back(
            line(fmt::format("... and {} more", rows.size() - shown.size()), TopStyle::faint));
    lines.push_back(line(fmt::format("q quit  s sort: {}  (accept, recv..., connect: with waiting)",
                                     to_string(look.sort)),
                         TopStyle::faint));
    lines.resize(std::min(lines.size(), size.rows));
    for (TopLine &one : lines)
        one = cut(one, size.columns);
    return lines;
}

std::string trace_table(const Tally &tally, const TraceMoment &moment, const TraceLook &look) {
    const auto rows = sorted(tally, look.sort);
    std::string text = title(moment) + "\n";
    std::vector<TopCells> shown;
    for (std::size_t i = 0; i < shown_of(rows.size(), look); i++)
        shown.push_back(cells(rows[i], std::nullopt));
    const TopTable table(columns(false), shown, kUnlimited);
    text += rows.empty() ? "no calls\n" : plain_text(table.titles()) + "\n";
    for (const TopCells &one : shown)
        text += plain_text(table.line(one)) + "\n";
    if (rows.size() > shown.size())
        text += fmt::format("... and {} more (--top 0 shows all)\n", rows.size() - shown.size());
    for (const auto &missing : missing_calls(tally))
        text += missing + "\n";
    return text;
}

std::vector<std::string> missing_calls(const Tally &tally) {
    const TraceUnseen &unseen = tally.unseen();
    // an end whose beginning had no room is one reason, not two
    const auto ends = unseen.end - std::min(unseen.end, unseen.begun);
    std::vector<std::string> lines;
    const auto add = [&](std::uint64_t count, const char *text) {
        if (count != 0)
            lines.push_back(fmt::format("{} {}", format_count(count), text));
    };
    add(ends, "calls are missing: begun before the trace, or refused by seccomp");
    add(unseen.begun, "calls are missing: too many threads in one (--pid, --comm, --call: fewer)");
    add(unseen.times,
        "calls are missing: too many processes in one interval (a shorter one, or --pid, --comm, "
        "--call)");
    add(unseen.skipped, "beginnings or ends of calls are missing: left out by the kernel");
    add(tally.put_together(), "processes that were idle are under (others): there were too many");
    return lines;
}

}  // namespace weir
