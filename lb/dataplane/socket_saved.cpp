#include "lb/dataplane/socket_saved.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "lb/dataplane/map_access.h"
#include "lb/dataplane/map_reads.h"

namespace weir {

namespace {

Result<std::vector<weir_service_key>> allowed_of(const SocketMapFds &maps) {
    std::vector<weir_service_key> all;
    return for_each<weir_service_key, std::uint8_t>(
               {maps.allowed, "socket_allowed"},
               [&](const weir_service_key &key, std::uint8_t) { all.push_back(key); })
        .map([&] { return std::move(all); });
}

Result<SavedSockets::Count> count_of(const SocketMapFds &maps) {
    SavedSockets::Count count;
    bpf_map_info info{};
    std::uint32_t length = sizeof info;
    if (bpf_obj_get_info_by_fd(maps.flows, &info, &length) != 0)
        return map_error("socket_flows", "look at it", errno);
    return get(NamedMap{maps.epoch, "socket_epoch"}, kOnly, count.epoch)
        .and_then([&] {
            return for_entries<std::uint32_t>(
                {maps.flows, "socket_flows"}, info.max_entries, 1,
                [&](const std::uint32_t *one) { count.flows.push_back(*one); });
        })
        .map([&] { return std::move(count); });
}

Result<void> restore_count(const SocketMapFds &maps, const SavedSockets::Count &count) {
    std::vector<std::uint32_t> ids(count.flows.size());
    std::iota(ids.begin(), ids.end(), 0U);
    auto entries = static_cast<std::uint32_t>(ids.size());
    if (bpf_map_update_batch(maps.flows, ids.data(), count.flows.data(), &entries, nullptr) != 0)
        return map_error("socket_flows", "restore it", errno);
    return put(NamedMap{maps.epoch, "socket_epoch"}, kOnly, count.epoch, "restore it");
}

Result<void> restore_allowed(const SocketMapFds &maps, const std::vector<weir_service_key> &was) {
    const NamedMap map{maps.allowed, "socket_allowed"};
    const auto same = [](const weir_service_key &a) {
        return [&a](const weir_service_key &b) { return std::memcmp(&a, &b, sizeof a) == 0; };
    };
    return allowed_of(maps)
        .and_then([&](const std::vector<weir_service_key> &is) {
            return for_all(is, [&](const weir_service_key &key) -> Result<void> {
                return std::any_of(was.begin(), was.end(), same(key)) ? Result<void>()
                                                                      : erase(map, key, "remove");
            });
        })
        .and_then([&] {
            return for_all(was, [&](const weir_service_key &key) {
                return put(map, key, std::uint8_t{1}, "restore an entry");
            });
        });
}

}  // namespace

Result<SavedSockets> save_sockets(const SocketMapFds &maps, bool with_count) {
    SavedSockets saved;
    for (std::uint32_t i = 0; i < WEIR_LISTENERS; ++i)
        if (auto read = get(NamedMap{maps.listeners, "listeners"}, i, saved.listeners.at(i)); !read)
            return tl::make_unexpected(read.error());
    return get(NamedMap{maps.settings, "socket_settings"}, kOnly, saved.settings)
        .and_then([&] { return allowed_of(maps); })
        .and_then([&](std::vector<weir_service_key> allowed) -> Result<void> {
            saved.allowed = std::move(allowed);
            if (!with_count)
                return {};
            return count_of(maps).map([&](auto count) { saved.count = std::move(count); });
        })
        .map([&] { return std::move(saved); });
}

Result<void> restore_sockets(const SocketMapFds &maps, const SavedSockets &saved) {
    const NamedMap listeners{maps.listeners, "listeners"};
    for (std::uint32_t i = 0; i < WEIR_LISTENERS; ++i) {
        weir_listener is{};
        if (auto read = get(listeners, i, is); !read)
            return read;
        if (std::memcmp(&is, &saved.listeners.at(i), sizeof is) == 0)
            continue;
        bpf_map_delete_elem(maps.listener_sockets, &i);  // it is another's
        if (auto done = put(listeners, i, saved.listeners.at(i), "restore"); !done)
            return done;
    }
    return put(NamedMap{maps.settings, "socket_settings"}, kOnly, saved.settings, "restore")
        .and_then([&] { return restore_allowed(maps, saved.allowed); })
        .and_then([&] { return saved.count ? restore_count(maps, *saved.count) : Result<void>(); });
}

}  // namespace weir
