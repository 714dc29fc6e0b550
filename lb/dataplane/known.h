// The filter of the addresses that services and backends have or had: `known_addresses` of
// bpf/known.h. A packet of any other pair of addresses is nobody's, so a bit is there before the
// address is anywhere else, and stays for as long as the tables do.
#pragma once

#include <vector>

#include "bpf/abi.h"
#include "lb/model/plan.h"
#include "lb/result.h"

namespace weir {

// `map`, `to`, `from`: descriptors of such maps.
Result<void> mark_known(int map, weir_known kind, const std::vector<AddressWrite> &addresses);
// All that is known in `from`.
Result<void> copy_known(int from, int to);
// Any address: where flows come from tables that kept no such account.
Result<void> mark_all_known(int map);

}  // namespace weir
