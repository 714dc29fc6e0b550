// What a benchmark found: rows of ratios, as a table for people and as JSON for programs.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::test {

// How well it should do; a benchmark says so, and asserts nothing.
struct Goal {
    double ratio;
    bool at_most;
};
inline Goal at_most(double ratio) {
    return {ratio, true};
}
inline Goal at_least(double ratio) {
    return {ratio, false};
}

// One thing that was measured beside another one, its baseline.
struct Measurement {
    std::string name;  // "established/v4/tcp/dnat"
    double ratio = 1;  // the median of all rounds' value / baseline
    double value = 0;  // the median
    std::string unit;  // of the value: "ns", "packets/s"
    std::string baseline;
    // The interquartile range of the rounds' ratios, as a share of their median.
    double spread = 0;
    std::optional<Goal> goal = std::nullopt;
    std::string note{};  // a column more in the table
};

double median(std::vector<double> values);

// From values of the same rounds, in the order of the rounds. The baseline's first, then those of
// what is compared with it.
Measurement compare(std::string name, std::string unit, std::string baseline,
                    const std::vector<double> &of_baseline, const std::vector<double> &values,
                    std::optional<Goal> goal = std::nullopt);

// Prints each row as it comes: a run takes minutes.
class Report {
  public:
    // Only rows whose name begins so.
    explicit Report(std::string only = {}) : only_(std::move(only)) {}
    bool wants(const std::string &name) const { return name.starts_with(only_); }
    // Whether any row is wanted whose name begins so.
    bool wants_some(const std::string &prefix) const {
        return prefix.starts_with(only_) || only_.starts_with(prefix);
    }
    // `title`: a line above the table.
    void begin(const std::string &title);
    void add(const Measurement &row);
    // An array of {"name", "ratio", "value", "unit", "baseline", "spread"}.
    std::string json() const;

  private:
    std::string only_;
    std::vector<Measurement> rows_;
};

// What every benchmark's main() does: `work` with a report, which goes to the file of --json FILE;
// --only NAME is for those that look at Report::wants(). The exit status: 0, 2 for wrong arguments,
// or 1 with one line when `work` throws.
int run_benchmark(int argc, char **argv, void (*work)(Report &));

}  // namespace weir::test
