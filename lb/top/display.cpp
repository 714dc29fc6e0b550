#include "lb/top/display.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

#include "lb/cli/table.h"
#include "lb/top/tables.h"

namespace weir {
namespace {

using Lines = std::vector<TopLine>;

constexpr std::size_t kMostProblems = 3;  // on a screen; the last line counts the others

const std::vector<const char *> kHelp{
    "up, down        select a service          PgUp, PgDn, Home, End",
    "Enter, right    its backends              a   the backends of all services",
    "s, 1..8         sort: configuration, name, flows, new flows/s,",
    "                packets/s in, out, bit/s in, out      r   the other way round",
    "/               show what has this text in it (Enter keeps it, Esc clears it)",
    "p               pause                     q   quit",
    "",
    "PKT/S packets, NEW/S flows opened, BIT/S bits, each per second; k = 1000.",
    "IN is client to backend, OUT the other way. FLOWS live now, counted every",
    "few seconds. ACTIVE: backends that take new flows, of all. '-': not known yet."};

TopLine text_line(std::string text, TopStyle style = TopStyle::plain) {
    return {{{std::move(text), style}}};
}

std::string interfaces_text(const TopView &view) {
    std::string text;
    for (const TopInterface &one : view.sample.interfaces)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", printable(one.name),
                            printable(one.state == "attached" ? one.hook : one.state));
    if (view.sample.overrides > 0)
        text += fmt::format("; {} overrides", view.sample.overrides);
    return "on      " + text;
}

std::string rate(const TopView &view, double TopRates::*which) {
    return view.total ? format_rate((*view.total).*which) : "-";
}

std::string total_text(const TopView &view) {
    const auto bits = [&](double TopRates::*which) {
        const auto text = rate(view, which);  // "1.2 M" and "bit/s" are one word: "1.2 Mbit/s"
        return text + (text.find(' ') == std::string::npos ? " bit/s" : "bit/s");
    };
    return fmt::format("all     in {} packets/s, {}; out {} packets/s, {}",
                       rate(view, &TopRates::packets_in), bits(&TopRates::bits_in),
                       rate(view, &TopRates::packets_out), bits(&TopRates::bits_out));
}

std::string flows_text(const TopView &view) {
    return fmt::format("flows   {} live, {} new flows/s", format_count(view.flows),
                       rate(view, &TopRates::new_flows));
}

std::string drops_text(const TopView &view) {
    std::string text;
    for (const auto &[reason, rate] : view.drops)
        text +=
            fmt::format("{}{} {}", text.empty() ? "" : ", ", printable(reason), format_rate(rate));
    return "drops   " + (text.empty() ? "none" : text + " (packets/s)");
}

std::string maps_text(const TopView &view) {
    auto maps = view.sample.maps;
    std::stable_sort(maps.begin(), maps.end(),
                     [](const TopMap &a, const TopMap &b) { return a.pressure() > b.pressure(); });
    std::string text;
    for (const TopMap &map : maps)
        if (map.entries > 0)
            text += fmt::format("{}{} {:.{}f} %", text.empty() ? "" : ", ", printable(map.name),
                                100 * map.pressure(), map.pressure() < 0.1 ? 1 : 0);
    return "maps    " + (maps.empty() ? "not counted yet" : text.empty() ? "empty" : text);
}

Lines header(const TopView &view, const TopMoment &moment, bool paused, std::size_t most) {
    Lines lines;
    lines.push_back(
        text_line(fmt::format("weir {}  {}  up {}  every {}  {}{}", printable(view.sample.version),
                              printable(view.sample.instance), format_duration(view.sample.uptime),
                              moment.interval, moment.clock, paused ? "  PAUSED" : ""),
                  TopStyle::title));
    if (!moment.trouble.empty())
        lines.push_back(
            text_line(fmt::format("! no news for {}: {}", format_duration(moment.trouble_for),
                                  printable(moment.trouble)),
                      TopStyle::bad));
    lines.push_back(text_line(interfaces_text(view)));
    lines.push_back(text_line(total_text(view)));
    lines.push_back(text_line(flows_text(view)));
    const auto &problems = view.problems;
    const auto shown = problems.size() <= most ? problems.size() : most - 1;
    for (std::size_t i = 0; i < shown; i++)
        lines.push_back(text_line("! " + printable(problems[i]), TopStyle::bad));
    if (shown < problems.size())
        lines.push_back(
            text_line(fmt::format("! and {} more", problems.size() - shown), TopStyle::bad));
    return lines;
}

TopLine footer(const TopControls &controls) {
    if (controls.editing())
        return text_line(
            "filter: " + printable(controls.filter()) + "_  (Enter keeps it, Esc clears it)",
            TopStyle::title);
    const auto filter = printable(controls.filter());
    const auto text =
        fmt::format("q quit  ? help  s sort: {}{}  / filter{}{}  Enter backends  p pause",
                    to_string(controls.sort()), controls.reversed() ? ", reversed" : "",
                    filter.empty() ? "" : ": ", filter);
    return text_line(text, TopStyle::faint);
}

// Rows from `first` on, so many that a last line can tell how many more there are.
template <typename Row>
Lines table(std::vector<TopColumn> columns, const std::vector<Row> &rows,
            const std::function<TopCells(const Row &)> &cells_of, std::size_t first,
            std::optional<std::size_t> selected, const TopSize &size) {
    std::vector<TopCells> cells;
    cells.reserve(rows.size());
    for (const Row &row : rows)
        cells.push_back(cells_of(row));
    const TopTable layout(std::move(columns), cells, size.columns);
    Lines lines{layout.titles()};
    const auto room = std::max<std::size_t>(size.rows, 2) - 1;
    first = std::min(first, rows.size());
    auto shown = std::min(rows.size() - first, room);
    const bool more = first + shown < rows.size();
    if (more && room > 1)
        shown--;
    for (std::size_t i = first; i < first + shown; i++)
        lines.push_back(layout.line(cells[i], selected == i));
    if (more && room > 1)
        lines.push_back(text_line(fmt::format("... and {} more", rows.size() - first - shown),
                                  TopStyle::faint));
    return lines;
}

Lines service_table(const TopView &view, const TopControls &controls, const TopSize &size) {
    const auto rows = controls.services(view);
    const auto selected = controls.selected(rows);
    // the selected one stays in sight: two lines are taken by the titles and by "and more"
    const auto room = std::max<std::size_t>(size.rows, 3) - 2;
    const auto first = selected >= room ? selected - room + 1 : 0;
    return table<const TopServiceRow *>(
        service_columns(controls.sort(), controls.reversed()), rows,
        [](const auto *row) { return service_cells(*row); }, first, selected, size);
}

Lines backend_table(const TopView &view, const TopControls &controls, const TopSize &size) {
    const bool all = controls.backends() == TopBackends::all;
    const auto rows = controls.backends(view);
    return table<const TopBackendRow *>(
        backend_columns(controls.sort(), controls.reversed(), all), rows,
        [&](const auto *row) { return backend_cells(*row, all); }, controls.skipped(), std::nullopt,
        size);
}

void append(Lines &to, Lines more) {
    std::move(more.begin(), more.end(), std::back_inserter(to));
}

// The tables, in the rows between header and footer; each has half of them, or what the other one
// does not need.
Lines body(const TopView &view, const TopControls &controls, const TopSize &size) {
    if (controls.help()) {
        Lines lines;
        for (const char *line : kHelp)
            lines.push_back(text_line(line));
        return lines;
    }
    if (controls.backends() == TopBackends::none)
        return service_table(view, controls, size);
    const auto services = controls.services(view).size() + 1;
    const auto backends = controls.backends(view).size() + 1;
    const auto room = size.rows - std::min<std::size_t>(size.rows, 1);  // a blank line between
    const auto above = std::min(services, std::max(room / 2, room - std::min(room, backends)));
    auto lines = service_table(view, controls, {above, size.columns});
    lines.push_back({});
    append(lines, backend_table(view, controls, {room - std::min(room, above), size.columns}));
    return lines;
}

}  // namespace

std::vector<TopLine> top_screen(const TopView &view, const TopControls &controls,
                                const TopMoment &moment, const TopSize &size) {
    auto lines = header(view, moment, controls.paused(), kMostProblems);
    lines.push_back({});
    const Lines bottom{
        text_line(drops_text(view), view.drops.empty() ? TopStyle::plain : TopStyle::warning),
        text_line(maps_text(view)), footer(controls)};
    const auto taken = lines.size() + bottom.size() + 1;
    const auto room = size.rows - std::min(size.rows, taken);
    auto middle = body(view, controls, {room, size.columns});
    middle.resize(room + 1);
    append(lines, std::move(middle));
    append(lines, bottom);
    lines.resize(std::min(lines.size(), size.rows));
    for (TopLine &line : lines)
        line = cut(line, size.columns);
    return lines;
}

std::string top_text(const TopView &view, const TopMoment &moment) {
    constexpr TopSize kAll{kUnlimited, kUnlimited};
    TopControls controls;
    auto lines = header(view, moment, false, kUnlimited);
    lines.push_back(text_line(drops_text(view)));
    lines.push_back(text_line(maps_text(view)));
    lines.push_back({});
    append(lines, table<TopServiceRow>(service_columns(controls.sort(), false), view.services,
                                       service_cells, 0, std::nullopt, kAll));
    lines.push_back({});
    append(lines, table<TopBackendRow>(
                      backend_columns(controls.sort(), false, true), view.backends,
                      [](const TopBackendRow &row) { return backend_cells(row, true); }, 0,
                      std::nullopt, kAll));
    std::string text;
    for (const TopLine &line : lines)
        text += plain_text(line) + "\n";
    return text;
}

}  // namespace weir
