// The flow entries themselves, for what a replay's world does not have.
#pragma once

#include <bpf/bpf.h>

#include <functional>

#include "tests/support/program.h"

namespace weir::test {

// Changes every established flow, both directions.
inline void change_flows(DataPath &path, bool v4, const std::function<void(weir_flow &)> &change) {
    const Fd map = path.map(v4 ? "flows_v4" : "flows_v6");
    weir_tuple_v6 key{};  // room for either
    weir_tuple_v6 next{};
    for (void *from = nullptr; bpf_map_get_next_key(map.get(), from, &next) == 0; from = &key) {
        weir_flow_v6 entry{};  // room for either, too
        if (bpf_map_lookup_elem(map.get(), &next, &entry) == 0) {
            change(entry.flow);
            bpf_map_update_elem(map.get(), &next, &entry, BPF_EXIST);
        }
        key = next;
    }
}

// Gives every established flow's route an MTU, until the entry is refreshed (within a second).
inline void set_mtu(DataPath &path, bool v4, std::uint16_t mtu) {
    change_flows(path, v4, [mtu](weir_flow &entry) { entry.mtu = mtu; });
}

}  // namespace weir::test
