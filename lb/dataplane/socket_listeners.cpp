#include "lb/dataplane/socket_listeners.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "lb/dataplane/map_access.h"

namespace weir {

namespace {

weir_listener to_abi(const ListenerConfig &config) {
    constexpr int kMapped = 96;  // bits before those of IPv4
    constexpr int kByte = 8;
    weir_listener listener{};
    listener.address = weir::to_abi(config.addresses.address);
    const int bits = config.addresses.length + (config.addresses.address.is_v4() ? kMapped : 0);
    for (int bit = 0; bit < bits; ++bit)
        listener.mask.bytes[bit / kByte] |= static_cast<std::uint8_t>(0x80U >> (bit % kByte));
    listener.first_port = config.ports.first;
    listener.last_port = config.ports.last;
    listener.protocol = static_cast<std::uint8_t>(config.protocol);
    return listener;
}

}  // namespace

std::vector<ListenerConfig> in_order(std::vector<ListenerConfig> listeners) {
    std::stable_sort(listeners.begin(), listeners.end(), [](const auto &a, const auto &b) {
        if (a.addresses.length != b.addresses.length)
            return a.addresses.length > b.addresses.length;
        return a.ports.last - a.ports.first < b.ports.last - b.ports.first;
    });
    return listeners;
}

Result<void> write_listeners(const SocketMapFds &maps,
                             const std::vector<ListenerConfig> &in_order) {
    const NamedMap map{maps.listeners, "listeners"};
    for (std::uint32_t i = 0; i < WEIR_LISTENERS; ++i) {
        weir_listener is{};
        if (auto read = get(map, i, is); !read)
            return read;
        const weir_listener wanted = i < in_order.size() ? to_abi(in_order[i]) : weir_listener{};
        if (std::memcmp(&is, &wanted, sizeof is) == 0)
            continue;
        // its socket is another's: none is better for a moment
        bpf_map_delete_elem(maps.listener_sockets, &i);
        if (auto done = put(map, i, wanted, "write"); !done)
            return done;
    }
    return {};
}

Result<bool> find_listener(const SocketMapFds &maps, int program, const ListenerConfig &listener,
                           std::size_t index) {
    weir_listener_wanted wanted{};
    wanted.address = weir::to_abi(listener.to.address);
    wanted.port = htons(listener.to.port);
    wanted.protocol = static_cast<std::uint8_t>(listener.protocol);
    wanted.index = static_cast<std::uint32_t>(index);
    const NamedMap map{maps.listener_wanted, "listener_wanted"};
    if (auto written = put(map, kOnly, wanted, "write"); !written)
        return tl::make_unexpected(written.error());
    const std::array<std::byte, 64> frame{};  // of no interest, but there has to be one
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    if (bpf_prog_test_run_opts(program, &options) != 0)
        return map_error("listener_sockets", "look for a socket", errno);
    return options.retval == 1;
}

}  // namespace weir
