#include "lb/top/table.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr std::size_t kGap = 2;

}  // namespace

TopTable::TopTable(std::vector<TopColumn> columns, const std::vector<TopCells> &rows,
                   std::size_t width)
    : columns_(std::move(columns)), shown_(columns_.size(), true) {
    for (std::size_t i = 0; i < columns_.size(); i++) {
        auto widest = display_width(columns_[i].title);
        for (const TopCells &row : rows)
            widest = std::max(widest, display_width(row[i].text));
        widths_.push_back(widest);
    }
    if (width == kUnlimited)
        return;
    leave_out(width);
    narrow(width);
}

// With columns that may be cut as narrow as they may be.
std::size_t TopTable::total() const {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < columns_.size(); i++) {
        const auto least = columns_[i].narrowest;
        if (shown_[i])
            sum += kGap + (least == 0 ? widths_[i] : std::min(least, widths_[i]));
    }
    return sum - kGap;
}

void TopTable::leave_out(std::size_t width) {
    while (total() > width) {
        std::size_t least = 0;
        for (std::size_t i = 1; i < columns_.size(); i++)
            if (shown_[i] && columns_[i].rank > (shown_[least] ? columns_[least].rank : 0))
                least = i;
        if (columns_[least].rank == 0 || !shown_[least])
            return;
        shown_[least] = false;
    }
}

// Gives the room that is left to the columns that may be cut, from left to right.
void TopTable::narrow(std::size_t width) {
    const auto needed = total();
    std::size_t left = width - std::min(width, needed);
    for (std::size_t i = 0; i < columns_.size(); i++) {
        const auto least = columns_[i].narrowest;
        if (!shown_[i] || least == 0 || widths_[i] <= least)
            continue;
        const auto more = std::min(left, widths_[i] - least);
        widths_[i] = least + more;
        left -= more;
    }
}

TopLine TopTable::titles() const {
    TopCells cells;
    for (const TopColumn &column : columns_)
        cells.push_back({column.title, TopStyle::title});
    return line(cells);
}

TopLine TopTable::line(const TopCells &cells, bool selected) const {
    TopLine line{{}, selected};
    for (std::size_t i = 0; i < columns_.size(); i++) {
        if (!shown_[i])
            continue;
        if (!line.spans.empty())
            line.spans.push_back({std::string(kGap, ' ')});
        line.spans.push_back({pad(cells[i].text, widths_[i], columns_[i].right), cells[i].style});
    }
    return line;
}

}  // namespace weir
