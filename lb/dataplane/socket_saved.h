// What the socket programs are told, kept so that a change that fails can be taken back.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "bpf/abi.h"
#include "lb/dataplane/socket_tables.h"
#include "lb/result.h"

namespace weir {

struct SavedSockets {
    weir_socket_settings settings{};
    std::vector<weir_service_key> allowed;
    std::array<weir_listener, WEIR_LISTENERS> listeners{};
    // The count of live sockets, where the change begins it anew.
    struct Count {
        std::uint32_t epoch = 0;
        std::vector<std::uint32_t> flows;
    };
    std::optional<Count> count;
};

// `with_count`: the change begins the count anew.
Result<SavedSockets> save_sockets(const SocketMapFds &maps, bool with_count);
// Sockets that were closed since are counted still.
Result<void> restore_sockets(const SocketMapFds &maps, const SavedSockets &saved);

}  // namespace weir
