// The two tables of `weir top`, as columns and cells.
#pragma once

#include <vector>

#include "lb/top/controls.h"
#include "lb/top/table.h"

namespace weir {

// The column that is sorted by is marked: 'v' where the largest (of names, the first) is on top.
std::vector<TopColumn> service_columns(TopSort sort, bool reversed);
TopCells service_cells(const TopServiceRow &row);

// `with_service`: of more services than one.
std::vector<TopColumn> backend_columns(TopSort sort, bool reversed, bool with_service);
TopCells backend_cells(const TopBackendRow &row, bool with_service);

}  // namespace weir
