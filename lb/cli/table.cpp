#include "lb/cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace weir {

std::string format_table(const std::vector<Column> &columns,
                         const std::vector<std::vector<std::string>> &rows) {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns.size(); i++) {
        widths.push_back(columns[i].title.size());
        for (const auto &row : rows)
            widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    const auto add_line = [&](const auto &cell_of) {
        std::string line;
        for (std::size_t i = 0; i < columns.size(); i++)
            line += columns[i].right ? fmt::format("{:>{}}  ", cell_of(i), widths[i])
                                     : fmt::format("{:<{}}  ", cell_of(i), widths[i]);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    };
    add_line([&](std::size_t i) { return columns[i].title; });
    for (const auto &row : rows)
        add_line([&](std::size_t i) { return row[i]; });
    return text;
}

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array<const char *, 6> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024)
        return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    // 1023.95 would be printed as "1024.0"
    for (; value >= 1023.95 && unit + 1 < kUnits.size(); unit++)
        value /= 1024;
    return fmt::format("{:.1f} {}", value, kUnits.at(unit));
}

std::string format_duration(double seconds) {
    const auto whole = static_cast<std::uint64_t>(std::max(seconds, 0.0));
    if (whole < 60)
        return fmt::format("{}s", whole);
    if (whole < 3600)
        return fmt::format("{}m {}s", whole / 60, whole % 60);
    if (whole < 86400)
        return fmt::format("{}h {}m", whole / 3600, whole / 60 % 60);
    return fmt::format("{}d {}h", whole / 86400, whole / 3600 % 24);
}

}  // namespace weir
