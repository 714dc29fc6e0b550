// The filter of the addresses that services and backends have or had: `known_addresses` of
// bpf/known.h. A packet of any other pair of addresses is nobody's, so a bit is there before the
// address is anywhere else, and stays for as long as the tables do.
#pragma once

#include <vector>

#include "bpf/abi.h"
#include "lb/model/plan.h"
#include "lb/result.h"

namespace weir {

// `map`: the descriptor of such a map.
Result<void> mark_known(int map, weir_known kind, const std::vector<AddressWrite> &addresses);
Result<void> mark_known(int map, weir_known kind, const AddressCounts &addresses);
// Any address: where flows come from tables whose addresses nobody noted.
Result<void> mark_all_known(int map);

}  // namespace weir
