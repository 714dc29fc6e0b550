// Text tables for people: columns as wide as their widest cell, two blanks between them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

struct Column {
    std::string title;
    bool right = false;  // numbers
};

// A table whose rows come in portions: a column is as wide as its widest cell so far.
class GrowingTable {
  public:
    explicit GrowingTable(std::vector<Column> columns);

    // The lines of some more rows; the first ones below a line of titles. No trailing blanks. Rows
    // are as long as the columns are many.
    std::string add(const std::vector<std::vector<std::string>> &rows);

  private:
    std::string line(const std::vector<std::string> &cells) const;

    std::vector<Column> columns_;
    std::vector<std::size_t> widths_;
    bool begun_ = false;
};

// One line per row below a line of titles; no trailing blanks. Rows are as long as `columns`.
std::string format_table(const std::vector<Column> &columns,
                         const std::vector<std::vector<std::string>> &rows);

// "999 B", "1.4 MiB"
std::string format_bytes(std::uint64_t bytes);
// "45s", "12m 3s", "3h 20m", "12d 4h"
std::string format_duration(double seconds);

}  // namespace weir
