#include "tests/benchmarks/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace weir::test {
namespace {

// `share` of the sorted values are below it.
double quantile(const std::vector<double> &sorted, double share) {
    return sorted.at(static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1)));
}

std::string number(double value) {
    return value < 100 ? fmt::format("{:.3f}", value) : fmt::format("{:.0f}", value);
}

std::string met(const Measurement &row) {
    if (!row.goal)
        return {};
    const bool kept =
        row.goal->at_most ? row.ratio <= row.goal->ratio : row.ratio >= row.goal->ratio;
    return fmt::format("{} {:.2f}{}", row.goal->at_most ? "<=" : ">=", row.goal->ratio,
                       kept ? "" : " MISSED");
}

}  // namespace

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return quantile(values, 0.5);
}

Measurement compare(std::string name, std::string unit, std::string baseline,
                    const std::vector<double> &of_baseline, const std::vector<double> &values,
                    std::optional<Goal> goal) {
    if (values.empty() || values.size() != of_baseline.size())
        throw std::logic_error(name + ": not the same rounds");
    std::vector<double> ratios;
    for (std::size_t i = 0; i < values.size(); i++)
        ratios.push_back(values[i] / of_baseline[i]);
    std::sort(ratios.begin(), ratios.end());
    const double middle = quantile(ratios, 0.5);
    return {std::move(name),
            middle,
            median(values),
            std::move(unit),
            std::move(baseline),
            (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / middle,
            goal};
}

void Report::begin(const std::string &title) {
    fmt::print("\n{}\n\n{:<38} {:>9} {:>13} {:<12} {:>6}  {:<14} {}\n", title, "name", "ratio",
               "value", "unit", "spread", "goal", "baseline");
    std::fflush(stdout);
}

void Report::add(const Measurement &row) {
    rows_.push_back(row);
    fmt::print("{:<38} {:>9.3f} {:>13} {:<12} {:>5.1f}%  {:<14} {}{}{}\n", row.name, row.ratio,
               number(row.value), row.unit, 100 * row.spread, met(row), row.baseline,
               row.note.empty() ? "" : "; ", row.note);
    std::fflush(stdout);
}

std::string Report::json() const {
    auto all = nlohmann::json::array();
    for (const Measurement &row : rows_)
        all.push_back({{"name", row.name},
                       {"ratio", row.ratio},
                       {"value", row.value},
                       {"unit", row.unit},
                       {"baseline", row.baseline},
                       {"spread", row.spread}});
    return all.dump(2) + "\n";
}

int run_benchmark(int argc, char **argv, void (*work)(Report &)) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    std::string json;
    std::string only;
    for (std::size_t i = 0; i < arguments.size(); i += 2) {
        const bool whole = i + 1 < arguments.size();
        if (!whole || (arguments[i] != "--json" && arguments[i] != "--only")) {
            fmt::print(stderr, "usage: {} [--json FILE] [--only NAME]\n", argv[0]);
            return 2;
        }
        (arguments[i] == "--json" ? json : only) = arguments[i + 1];
    }
    try {
        Report report(only);
        work(report);
        if (!json.empty() && !(std::ofstream(json) << report.json() << std::flush))
            throw std::runtime_error("cannot write " + json);
        return 0;
    } catch (const std::exception &error) {
        fmt::print(stderr, "{}: {}\n", argv[0], error.what());
        return 1;
    }
}

}  // namespace weir::test
