#include "tests/support/object_pool.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "lb/dataplane/rings.h"
#include "tests/support/value.h"

namespace weir::test {

namespace {

// Loaded objects with the limits of a configuration cost up to a hundred megabytes.
constexpr std::size_t kMostKept = 4;

[[noreturn]] void fail(const std::string &what) {
    throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

void delete_all(int map, const bpf_map_info &info) {
    std::vector<std::uint8_t> key(info.key_size);

    while (bpf_map_get_next_key(map, nullptr, key.data()) == 0)
        if (bpf_map_delete_elem(map, key.data()) != 0)
            fail(fmt::format("an entry of {} cannot be deleted", info.name));
    if (errno != ENOENT)
        fail(fmt::format("{} cannot be read", info.name));
}

void zero_all(int map, const bpf_map_info &info) {
    const bool per_cpu = info.type == BPF_MAP_TYPE_PERCPU_ARRAY;
    const std::size_t padded = (std::size_t{info.value_size} + 7) / 8 * 8;
    const std::size_t value_size =
        per_cpu ? padded * static_cast<std::size_t>(libbpf_num_possible_cpus()) : info.value_size;
    const std::vector<std::uint8_t> values(value_size * info.max_entries);
    std::vector<std::uint32_t> keys(info.max_entries);
    std::iota(keys.begin(), keys.end(), 0);
    std::uint32_t count = info.max_entries;

    if (bpf_map_update_batch(map, keys.data(), values.data(), &count, nullptr) != 0)
        fail(fmt::format("{} cannot be cleared", info.name));
}

// The rings: the kernel takes a map out of another only after a wait.
void empty_all(int map, const bpf_map_info &info) {
    std::vector<std::uint32_t> services(info.max_entries);
    std::iota(services.begin(), services.end(), 0);
    value_of(empty_rings(map, services));
}

void clear(int map) {
    bpf_map_info info{};
    std::uint32_t size = sizeof info;

    if (bpf_obj_get_info_by_fd(map, &info, &size) != 0)
        fail("map info");
    if ((info.map_flags & BPF_F_RDONLY_PROG) != 0)
        return;
    switch (info.type) {
        case BPF_MAP_TYPE_HASH:
        case BPF_MAP_TYPE_LRU_HASH:
        case BPF_MAP_TYPE_LPM_TRIE:
            return delete_all(map, info);
        case BPF_MAP_TYPE_ARRAY:
        case BPF_MAP_TYPE_PERCPU_ARRAY:
            return zero_all(map, info);
        case BPF_MAP_TYPE_ARRAY_OF_MAPS:
            return empty_all(map, info);
        case BPF_MAP_TYPE_PERF_EVENT_ARRAY:  // of listeners, which take their entries along
        case BPF_MAP_TYPE_RINGBUF:           // of watchers, which take out what there is
            return;
        default:
            throw std::runtime_error(fmt::format("{} is of a type not cleared here", info.name));
    }
}

void add_maps(int program, std::vector<std::uint32_t> &ids) {
    std::array<std::uint32_t, 64> used{};
    bpf_prog_info info{};
    info.map_ids = reinterpret_cast<std::uintptr_t>(used.data());
    info.nr_map_ids = used.size();
    std::uint32_t size = sizeof info;

    if (bpf_obj_get_info_by_fd(program, &info, &size) != 0)
        fail("program info");
    ids.insert(ids.end(), used.begin(),
               used.begin() + std::min<std::ptrdiff_t>(info.nr_map_ids, used.size()));
}

bool same(const Limits &one, const Limits &other) {
    return one.flows == other.flows && one.new_flows == other.new_flows &&
           one.services == other.services && one.backends == other.backends &&
           one.accounts == other.accounts;
}

}  // namespace

std::vector<Fd> maps_of(const Objects &objects) {
    std::vector<std::uint32_t> ids;
    std::vector<Fd> maps;

    add_maps(objects.tc_ingress(), ids);
    add_maps(objects.tc_egress(), ids);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    for (const std::uint32_t id : ids) {
        maps.emplace_back(bpf_map_get_fd_by_id(id));
        if (!maps.back())
            fail("a map cannot be opened");
    }
    return maps;
}

Objects ObjectPool::take(const Config &config) {
    const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept &kept) {
        return same(kept.limits, config.limits) && kept.mac.bytes == config.replay.mac.bytes;
    });
    if (found == kept_.end())
        return value_of(Objects::load({config.limits, std::nullopt, config.replay.mac}));
    Objects objects = std::move(found->objects);
    kept_.erase(found);
    for (const Fd &map : maps_of(objects))
        clear(map.get());
    return objects;
}

void ObjectPool::give(const Config &config, Objects objects) {
    if (kept_.size() == kMostKept)
        kept_.erase(kept_.begin());
    kept_.push_back({config.limits, config.replay.mac, std::move(objects)});
}

ObjectPool &object_pool() {
    // a test's fixture does not outlive the test, and GoogleTest has no other owner for a process
    static ObjectPool pool;
    return pool;
}

}  // namespace weir::test
