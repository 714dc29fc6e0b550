// Entries of flows, for the tests of what becomes of those that are taken over.
#pragma once

#include <bpf/bpf.h>

#include "bpf/abi.h"
#include "lb/dataplane/fd.h"

namespace weir::test {

inline constexpr std::uint32_t kTick = 0xfffffffe;  // ticks come round
inline constexpr std::uint8_t kBrought = WEIR_FLOW_BROUGHT;
inline constexpr std::uint16_t kSame = 10000;
inline constexpr std::uint16_t kOther = 10001;

struct FlowEntry {
    std::uint8_t state;
    std::uint32_t refreshed;
    std::uint16_t port = kSame;  // after translation
    std::uint8_t flags = 0;
};

inline weir_flow flow_of(const FlowEntry &entry) {
    weir_flow flow{};
    flow.state = entry.state;
    flow.refreshed = entry.refreshed;
    flow.sport = entry.port;
    flow.flags = entry.flags;
    return flow;
}

inline Fd flow_table(std::uint32_t key, std::uint32_t value) {
    return Fd(bpf_map_create(BPF_MAP_TYPE_HASH, "flows", key, value, 16, nullptr));
}

}  // namespace weir::test
