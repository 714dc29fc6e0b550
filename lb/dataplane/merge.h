// One entry of tables that are taken over, put beside what packets have made of the new ones.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "lb/dataplane/objects.h"
#include "lb/result.h"

namespace weir {

// Whether packets change the tables that are copied to.
enum class NewTables { idle, in_use };

// A flow is in one of two tables of its family, before its promotion and after it: the descriptor
// of the other one; -1 if there is none.
int sibling_of(const Table &table, const Objects &objects);

// Writes one entry; of a flow, `sibling` is the other table. False: it was there already, and as
// good. A closed flow that is not in tables in use was copied before, and its client has started
// over since: written again, it would meet a packet of the new one.
Result<bool> put_entry(const Table &to, std::optional<int> sibling, NewTables tables,
                       const std::vector<std::byte> &key, const std::vector<std::byte> &value);

}  // namespace weir
