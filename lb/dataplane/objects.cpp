#include "lb/dataplane/objects.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>

#include "bpf/abi.h"
#include "lb/dataplane/fd.h"
#include "lb/dataplane/library_log.h"
// The skeletons name the types of abi.h.
#include "tc.skel.h"
#include "xdp_ingress.skel.h"

namespace weir {

namespace {

struct TcDeleter {
    void operator()(weir_tc *skeleton) const { weir_tc__destroy(skeleton); }
};
struct XdpDeleter {
    void operator()(weir_xdp_ingress *skeleton) const { weir_xdp_ingress__destroy(skeleton); }
};
struct XdpProgramDeleter {
    void operator()(xdp_program *program) const { xdp_program__close(program); }
};

// A map whose capacity is the operator's to choose.
struct SizedMap {
    bpf_map *map;
    std::uint32_t entries;
    std::string_view limit;  // the key under `limits`
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
}

std::array<SizedMap, 15> sized_maps(const weir_tc &skeleton, const Limits &limits) {
    const auto &maps = skeleton.maps;
    // a flow is two entries: one per direction
    return {{{maps.services, limits.services, "services"},
             {maps.rings, limits.services, "services"},
             {maps.service_stats, limits.services, "services"},
             {maps.vips, limits.services, "services"},
             {maps.service_rates, limits.services, "services"},
             {maps.turns, limits.services, "services"},
             {maps.backends, limits.backends, "backends"},
             {maps.backend_stats, limits.backends, "backends"},
             {maps.backend_addresses, limits.backends, "backends"},
             {maps.backend_flows, limits.backends, "backends"},
             {maps.affinity, std::max(limits.flows / 4, kFewestAffinities), "flows"},
             {maps.flows_v4, limits.flows * 2, "flows"},
             {maps.flows_new_v4, limits.new_flows * 2, "new_flows"},
             {maps.flows_v6, limits.flows * 2, "flows"},
             {maps.flows_new_v6, limits.new_flows * 2, "new_flows"}}};
}

tl::unexpected<Error> load_error(std::string_view what, int error) {
    if (error == EPERM)
        return fail(
            Exit::refused,
            fmt::format("the kernel refuses to load {}: it needs CAP_BPF, CAP_NET_ADMIN and "
                        "CAP_PERFMON (run weir as root)",
                        what));
    if (error == ENOMEM)
        return fail(Exit::refused,
                    fmt::format("no memory for {}: lower limits.flows and limits.new_flows", what));
    return fail(Exit::refused,
                fmt::format("the kernel refuses to load {}: {} (Weir needs Linux 6.1 "
                            "or later with BTF)",
                            what, std::strerror(error)));
}

// Pinned maps can be adopted only if they are laid out as this binary expects and as large as
// `limits` says: a map cannot be resized.
Result<void> check_pins(const std::filesystem::path &pins, std::span<const SizedMap> maps,
                        const std::string &limits_place) {
    const Fd settings(bpf_obj_get((pins / "settings").c_str()));
    if (!settings)
        return {};
    const std::uint32_t zero = 0;
    weir_settings found{};
    bpf_map_info info{};
    std::uint32_t length = sizeof info;
    if (bpf_obj_get_info_by_fd(settings.get(), &info, &length) != 0 ||
        info.value_size != sizeof found ||
        bpf_map_lookup_elem(settings.get(), &zero, &found) != 0 ||
        // 0: a start that was killed before it had written anything
        (found.abi != WEIR_ABI && found.abi != 0))
        return fail(Exit::refused,
                    fmt::format("{} holds the tables of another version of Weir (this one has ABI "
                                "{}): run `weir detach` first; it ends the flows in them",
                                pins.string(), static_cast<int>(WEIR_ABI)));
    for (const SizedMap &sized : maps) {
        const Fd pinned(bpf_obj_get((pins / bpf_map__name(sized.map)).c_str()));
        length = sizeof info;
        if (!pinned || bpf_obj_get_info_by_fd(pinned.get(), &info, &length) != 0)
            continue;
        if (info.max_entries != sized.entries)
            return fail(Exit::refused,
                        fmt::format("{}: limits.{} does not fit the tables in {}, which a running "
                                    "data path uses: restore the old limit, or run `weir detach` "
                                    "first; it ends the flows in them",
                                    limits_place, sized.limit, pins.string()));
    }
    return {};
}

MapFds map_fds(const weir_tc &skeleton) {
    const auto &maps = skeleton.maps;
    return {.services = bpf_map__fd(maps.services),
            .backends = bpf_map__fd(maps.backends),
            .rings = bpf_map__fd(maps.rings),
            .vips = bpf_map__fd(maps.vips),
            .backend_addresses = bpf_map__fd(maps.backend_addresses),
            .source_ranges = bpf_map__fd(maps.source_ranges),
            .affinity = bpf_map__fd(maps.affinity),
            .service_rates = bpf_map__fd(maps.service_rates),
            .source_rates = bpf_map__fd(maps.source_rates),
            .backend_flows = bpf_map__fd(maps.backend_flows),
            .snat_addresses = bpf_map__fd(maps.snat_addresses),
            .flows_new_v4 = bpf_map__fd(maps.flows_new_v4),
            .flows_v4 = bpf_map__fd(maps.flows_v4),
            .flows_new_v6 = bpf_map__fd(maps.flows_new_v6),
            .flows_v6 = bpf_map__fd(maps.flows_v6),
            .fragments = bpf_map__fd(maps.fragments),
            .service_stats = bpf_map__fd(maps.service_stats),
            .backend_stats = bpf_map__fd(maps.backend_stats),
            .drop_stats = bpf_map__fd(maps.drop_stats),
            .icmp_stats = bpf_map__fd(maps.icmp_stats),
            .xdp_devices = bpf_map__fd(maps.xdp_devices),
            .settings = bpf_map__fd(maps.settings),
            .trace = bpf_map__fd(maps.trace)};
}

// Scratch space of a single packet is nobody's to adopt.
bool is_pinned(const weir_tc &skeleton, const bpf_map *map) {
    const auto &maps = skeleton.maps;
    return !bpf_map__is_internal(map) && map != maps.trace && map != maps.opening &&
           map != maps.icmp_scratch;
}

void set_options(weir_options &options, const std::optional<MacAddress> &replay_mac) {
    if (!replay_mac)
        return;
    options.replay = 1;
    std::copy(replay_mac->bytes.begin(), replay_mac->bytes.end(), options.replay_mac);
}

}  // namespace

// Destroyed from the bottom up: libxdp's program refers to its skeleton.
struct Objects::Skeletons {
    std::unique_ptr<weir_tc, TcDeleter> tc;
    std::unique_ptr<weir_xdp_ingress, XdpDeleter> xdp;
    std::unique_ptr<xdp_program, XdpProgramDeleter> xdp_for_attach;
    Tables tables{MapFds{}};
};

Objects::Objects(std::unique_ptr<Skeletons> skeletons) : skeletons_(std::move(skeletons)) {}
Objects::~Objects() = default;
Objects::Objects(Objects &&) noexcept = default;
Objects &Objects::operator=(Objects &&) noexcept = default;

Tables &Objects::tables() {
    return skeletons_->tables;
}
int Objects::tc_ingress() const {
    return bpf_program__fd(skeletons_->tc->progs.weir_tc_ingress);
}
int Objects::tc_egress() const {
    return bpf_program__fd(skeletons_->tc->progs.weir_tc_egress);
}

Result<Objects> Objects::load(const ObjectsOptions &options) {
    route_library_logs();
    auto own = std::make_unique<Skeletons>();
    own->tc.reset(weir_tc__open());
    own->xdp.reset(weir_xdp_ingress__open());
    if (!own->tc || !own->xdp)
        return load_error("the data path", errno);

    const auto sized = sized_maps(*own->tc, options.limits);
    set_fixed_sizes(*own->tc);
    for (const SizedMap &one : sized)
        bpf_map__set_max_entries(one.map, one.entries);
    if (options.pins) {
        if (auto checked = check_pins(*options.pins, sized, options.limits_place); !checked)
            return tl::make_unexpected(checked.error());
        bpf_map *map = nullptr;
        bpf_object__for_each_map(map, own->tc->obj) {
            if (is_pinned(*own->tc, map))
                bpf_map__set_pin_path(map, (*options.pins / bpf_map__name(map)).c_str());
        }
    }
    set_options(own->tc->rodata->options, options.replay_mac);
    set_options(own->xdp->rodata->options, options.replay_mac);
    if (const int error = weir_tc__load(own->tc.get()); error != 0)
        return load_error("the data path", -error);

    own->tables = Tables(map_fds(*own->tc));

    // the XDP object uses the TC object's maps
    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, own->xdp->obj) {
        const bpf_map *shared = bpf_object__find_map_by_name(own->tc->obj, bpf_map__name(map));
        if (bpf_map__is_internal(map) || shared == nullptr)
            continue;
        if (const int error = bpf_map__reuse_fd(map, bpf_map__fd(shared)); error != 0)
            return load_error("the XDP program", -error);
    }
    return Objects(std::move(own));
}

Result<int> Objects::xdp_ingress() {
    const bpf_program *program = skeletons_->xdp->progs.weir_xdp_ingress;
    if (bpf_program__fd(program) < 0)
        if (const int error = weir_xdp_ingress__load(skeletons_->xdp.get()); error != 0)
            return load_error("the XDP program", -error);
    return bpf_program__fd(program);
}

Result<xdp_program *> Objects::xdp_for_attach() {
    if (skeletons_->xdp_for_attach)
        return skeletons_->xdp_for_attach.get();
    xdp_program *program = xdp_program__from_bpf_obj(skeletons_->xdp->obj, "xdp.frags");
    if (const long error = libxdp_get_error(program); error != 0)
        return load_error("the XDP program", static_cast<int>(-error));
    skeletons_->xdp_for_attach.reset(program);
    // libxdp 1.3 does not take this from the section's name
    if (const int error = xdp_program__set_xdp_frags_support(program, true); error != 0)
        return load_error("the XDP program", -error);
    return program;
}

}  // namespace weir
