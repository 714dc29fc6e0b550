// A table that fits: columns that have no room are left out, the least important first.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lb/top/text.h"

namespace weir {

struct TopColumn {
    std::string title;
    bool right = false;         // numbers
    int rank = 0;               // the higher, the sooner it is left out; 0 never
    std::size_t narrowest = 0;  // 0: as wide as its widest cell; else it may be cut so far
};

using TopCell = TopSpan;
using TopCells = std::vector<TopCell>;  // as many as there are columns

class TopTable {
  public:
    // Lays out for the rows that are given, of which some may be shown.
    TopTable(std::vector<TopColumn> columns, const std::vector<TopCells> &rows, std::size_t width);

    TopLine titles() const;
    TopLine line(const TopCells &cells, bool selected = false) const;

  private:
    std::size_t total() const;
    void leave_out(std::size_t width);
    void narrow(std::size_t width);

    std::vector<TopColumn> columns_;
    std::vector<std::size_t> widths_;
    std::vector<bool> shown_;
};

}  // namespace weir
