#include "lb/cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace weir {

GrowingTable::GrowingTable(std::vector<Column> columns) : columns_(std::move(columns)) {
    for (const Column &column : columns_)
        widths_.push_back(column.title.size());
}

std::string GrowingTable::add(const std::vector<std::vector<std::string>> &rows) {
    std::string text;
    for (const auto &row : rows)
        for (std::size_t i = 0; i < columns_.size(); i++)
            widths_[i] = std::max(widths_[i], row[i].size());
    if (!std::exchange(begun_, true)) {
        std::vector<std::string> titles;
        for (const Column &column : columns_)
            titles.push_back(column.title);
        text = line(titles);
    }
    for (const auto &row : rows)
        text += line(row);
    return text;
}

std::string GrowingTable::line(const std::vector<std::string> &cells) const {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); i++)
        line += columns_[i].right ? fmt::format("{:>{}}  ", cells[i], widths_[i])
                                  : fmt::format("{:<{}}  ", cells[i], widths_[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
}

std::string format_table(const std::vector<Column> &columns,
                         const std::vector<std::vector<std::string>> &rows) {
    return GrowingTable(columns).add(rows);
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
