#include "lb/dataplane/pinned_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "lb/dataplane/old_map.h"

namespace weir {

namespace {

// A map whose capacity is the operator's to choose.
struct SizedMap {
    bpf_map *map;
    std::uint32_t entries;
};

// Clients that are remembered, and datagrams whose fragments are under way, at a time: the least
// recently used makes room.
constexpr std::uint32_t kFewestAffinities = 1024;
constexpr std::uint32_t kSourceRates = 65536;
constexpr std::uint32_t kFragments = 16384;
// What a reload adds is there before what it removes is gone.
constexpr std::uint32_t kSourceRanges = 2 * std::uint32_t{kMostSourceRanges};

// Maps of a size that nobody chooses.
void set_fixed_sizes(const weir_tc &skeleton) {
    const auto &maps = skeleton.maps;
    bpf_map__set_max_entries(maps.source_ranges, kSourceRanges);
    bpf_map__set_max_entries(maps.source_rates, kSourceRates);
    bpf_map__set_max_entries(maps.fragments, kFragments);
    bpf_map__set_max_entries(maps.captured, static_cast<std::uint32_t>(libbpf_num_possible_cpus()));
}

std::array<SizedMap, 19> sized_maps(const weir_tc &skeleton, const Limits &limits) {
    const auto &maps = skeleton.maps;
    // a flow is two entries: one per direction
    const std::uint32_t accounts = limits.accounts ? 2 * (limits.flows + limits.new_flows) : 1;
    return {{{maps.services, limits.services},
             {maps.rings, limits.services},
             {maps.service_stats, limits.services},
             {maps.service_latencies, limits.services * WEIR_LATENCIES},
             {maps.vips, limits.services},
             {maps.service_rates, limits.services},
             {maps.turns, limits.services},
             {maps.backends, limits.backends},
             {maps.backend_stats, limits.backends},
             {maps.backend_addresses, limits.backends},
             {maps.backend_flows, limits.backends},
             {maps.socket_flows, limits.backends},
             {maps.affinity, std::max(limits.flows / 4, kFewestAffinities)},
             {maps.flows_v4, limits.flows * 2},
             {maps.flows_new_v4, limits.new_flows * 2},
             {maps.flows_v6, limits.flows * 2},
             {maps.flows_new_v6, limits.new_flows * 2},
             {maps.accounts_v4, accounts},
             {maps.accounts_v6, accounts}}};
}

// Only what packets and programs write, and the filter to which every start only adds. What a
// configuration fills is never shared, for until the programs are replaced it belongs to the one
// that is in force.
bool is_shareable(const weir_tc &skeleton, const bpf_map *map) {
    const auto type = bpf_map__type(map);
    return type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
           map == skeleton.maps.socket_flows || map == skeleton.maps.service_latencies ||
           map == skeleton.maps.known_addresses;
}

// Whether a pinned map of another start is as good as one made now.
bool fits(const OldMap &old, const bpf_object *object, const bpf_map *map) {
    const bpf_map_info &info = old.info();
    if (info.type != bpf_map__type(map) || info.max_entries != bpf_map__max_entries(map) ||
        info.map_flags != bpf_map__map_flags(map))
        return false;
    const btf *types = bpf_object__btf(object);
    const auto key = old.key_to(types, bpf_map__btf_key_type_id(map), bpf_map__key_size(map));
    const auto value =
        old.value_to(types, bpf_map__btf_value_type_id(map), bpf_map__value_size(map));
    return key && value && key->is_identity() && value->is_identity();
}

}  // namespace

bool is_pinned(const weir_tc &skeleton, const bpf_map *map) {
    const auto &maps = skeleton.maps;
    return !bpf_map__is_internal(map) && map != maps.replay && map != maps.opening &&
           map != maps.parsed && map != maps.capturing && map != maps.drops_before &&
           map != maps.icmp_scratch;
}

void set_sizes(const weir_tc &skeleton, const Limits &limits) {
    set_fixed_sizes(skeleton);
    for (const SizedMap &one : sized_maps(skeleton, limits))
        bpf_map__set_max_entries(one.map, one.entries);
}

Result<void> place_pin(const bpf_object *object, bpf_map *map, bool shareable,
                       const std::filesystem::path &pins,
                       const std::optional<std::filesystem::path> &from) {
    const auto path = pins / bpf_map__name(map);
    bpf_map__set_pin_path(map, path.c_str());
    std::error_code ignored;
    if (!shareable || !from || std::filesystem::exists(path, ignored))
        return {};
    const auto old = OldMap::open(*from / bpf_map__name(map));
    if (old && fits(*old, object, map) && bpf_obj_pin(old->fd(), path.c_str()) != 0)
        return fail(Exit::refused,
                    fmt::format("cannot pin {}: {}", path.string(), std::strerror(errno)));
    return {};
}

Result<void> place_pins(const weir_tc &skeleton, const std::filesystem::path &pins,
                        const std::optional<std::filesystem::path> &from) {
    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, skeleton.obj) {
        if (!is_pinned(skeleton, map))
            continue;
        if (auto placed = place_pin(skeleton.obj, map, is_shareable(skeleton, map), pins, from);
            !placed)
            return placed;
    }
    return {};
}

}  // namespace weir
