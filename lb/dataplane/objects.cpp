#include "lb/dataplane/objects.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <string_view>

#include "bpf/abi.h"
#include "lb/dataplane/library_log.h"
#include "lb/dataplane/old_map.h"
#include "lb/dataplane/pinned_maps.h"
// The skeletons name the types of abi.h.
#include "xdp_ingress.skel.h"

namespace weir {

namespace {

struct TcDeleter {
    void operator()(weir_tc *skeleton) const { weir_tc__destroy(skeleton); }
};
using TcSkeleton = std::unique_ptr<weir_tc, TcDeleter>;
struct XdpDeleter {
    void operator()(weir_xdp_ingress *skeleton) const { weir_xdp_ingress__destroy(skeleton); }
};
struct XdpProgramDeleter {
    void operator()(xdp_program *program) const { xdp_program__close(program); }
};
using XdpSkeleton = std::unique_ptr<weir_xdp_ingress, XdpDeleter>;

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

bool has_own_abi(const std::filesystem::path &pins) {
    const auto abi = pinned_abi(pins);
    // 0: a start that was killed before it had written anything
    return !abi || *abi == WEIR_ABI || *abi == 0;
}

MapFds map_fds(const weir_tc &skeleton) {
    const auto &maps = skeleton.maps;
    return {.services = bpf_map__fd(maps.services),
            .backends = bpf_map__fd(maps.backends),
            .rings = bpf_map__fd(maps.rings),
            .vips = bpf_map__fd(maps.vips),
            .backend_addresses = bpf_map__fd(maps.backend_addresses),
            .known_addresses = bpf_map__fd(maps.known_addresses),
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
            .service_latencies = bpf_map__fd(maps.service_latencies),
            .backend_stats = bpf_map__fd(maps.backend_stats),
            .drop_stats = bpf_map__fd(maps.drop_stats),
            .icmp_stats = bpf_map__fd(maps.icmp_stats),
            .watch = bpf_map__fd(maps.watch),
            .events = bpf_map__fd(maps.events),
            .event_stats = bpf_map__fd(maps.event_stats),
            .accounts_v4 = bpf_map__fd(maps.accounts_v4),
            .accounts_v6 = bpf_map__fd(maps.accounts_v6),
            .xdp_devices = bpf_map__fd(maps.xdp_devices),
            .settings = bpf_map__fd(maps.settings),
            .replay = bpf_map__fd(maps.replay)};
}

void set_options(weir_options &options, const std::optional<MacAddress> &replay_mac,
                 bool accounts) {
    options.account = accounts ? 1 : 0;
    if (!replay_mac)
        return;
    options.replay = 1;
    std::copy(replay_mac->bytes.begin(), replay_mac->bytes.end(), options.replay_mac);
}

std::uint64_t random_mark() {
    std::random_device random;
    return std::uint64_t{random()} << 32U | random();
}

// Opened again for libxdp, which wants to load the program itself, whether it is loaded already or
// not.
Result<XdpSkeleton> open_xdp(const weir_tc &tc) {
    XdpSkeleton xdp(weir_xdp_ingress__open());
    if (!xdp)
        return load_error("the XDP program", errno);
    xdp->rodata->options = tc.rodata->options;
    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, xdp->obj) {
        const bpf_map *shared = bpf_object__find_map_by_name(tc.obj, bpf_map__name(map));
        if (bpf_map__is_internal(map) || shared == nullptr)
            continue;
        if (const int error = bpf_map__reuse_fd(map, bpf_map__fd(shared)); error != 0)
            return load_error("the XDP program", -error);
    }
    return xdp;
}

}  // namespace

// Destroyed from the bottom up: libxdp's program refers to its skeleton.
struct Objects::Skeletons {
    TcSkeleton tc;
    XdpSkeleton xdp;
    XdpSkeleton xdp_for_libxdp;
    std::unique_ptr<xdp_program, XdpProgramDeleter> xdp_for_attach;
    Tables tables{MapFds{}};
    bool pinned = false;
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

int Objects::own_map() const {
    return bpf_map__fd(skeletons_->tc->maps.settings);
}

int Objects::map(const char *name) const {
    return bpf_object__find_map_fd_by_name(skeletons_->tc->obj, name);
}

OwnPrograms Objects::own_programs(MapIds others) const {
    others.push_back(map_id_of(own_map()));
    return OwnPrograms(std::move(others), [skeletons = skeletons_.get()] {
        std::vector<int> loaded{bpf_program__fd(skeletons->tc->progs.weir_tc_ingress),
                                bpf_program__fd(skeletons->tc->progs.weir_tc_egress),
                                bpf_program__fd(skeletons->xdp->progs.weir_xdp_ingress)};
        if (skeletons->xdp_for_attach)
            loaded.push_back(xdp_program__fd(skeletons->xdp_for_attach.get()));
        loaded.erase(std::remove_if(loaded.begin(), loaded.end(), [](int fd) { return fd < 0; }),
                     loaded.end());
        return loaded;
    });
}

std::vector<std::pair<PacketHook, ProgramRuns>> Objects::runs() const {
    ProgramRuns xdp = runs_of(bpf_program__fd(skeletons_->xdp->progs.weir_xdp_ingress));
    if (skeletons_->xdp_for_attach) {
        const auto more = runs_of(xdp_program__fd(skeletons_->xdp_for_attach.get()));
        xdp.runs += more.runs;
        xdp.time += more.time;
    }
    return {{PacketHook::xdp_ingress, xdp},
            {PacketHook::tc_ingress, runs_of(tc_ingress())},
            {PacketHook::tc_egress, runs_of(tc_egress())}};
}

std::vector<Table> Objects::pinned() const {
    std::vector<Table> all;
    const bpf_map *map = nullptr;
    bpf_object__for_each_map(map, skeletons_->tc->obj) {
        if (skeletons_->pinned && is_pinned(*skeletons_->tc, map))
            all.push_back({bpf_map__name(map), bpf_map__fd(map),
                           bpf_object__btf(skeletons_->tc->obj), bpf_map__btf_key_type_id(map),
                           bpf_map__btf_value_type_id(map)});
    }
    return all;
}

Result<bool> Objects::can_adopt(const std::filesystem::path &pins, const Limits &limits) {
    if (!has_own_abi(pins))
        return false;
    const TcSkeleton skeleton(weir_tc__open());
    if (!skeleton)
        return load_error("the data path", errno);
    set_sizes(*skeleton, limits);
    const bpf_map *map = nullptr;
    bpf_object__for_each_map(map, skeleton->obj) {
        if (!is_pinned(*skeleton, map))
            continue;
        const auto pinned = OldMap::open(pins / bpf_map__name(map));
        if (pinned && (pinned->info().max_entries != bpf_map__max_entries(map) ||
                       pinned->info().key_size != bpf_map__key_size(map) ||
                       pinned->info().value_size != bpf_map__value_size(map)))
            return false;
    }
    return true;
}

Result<Objects> Objects::load(const ObjectsOptions &options) {
    route_library_logs();
    auto own = std::make_unique<Skeletons>();
    own->tc.reset(weir_tc__open());
    if (!own->tc)
        return load_error("the data path", errno);
    own->pinned = options.pins.has_value();
    set_sizes(*own->tc, options.limits);
    set_options(own->tc->rodata->options, options.replay_mac, options.limits.accounts);
    if (!options.replay_mac)
        own->tc->rodata->sent_mark = random_mark();
    if (options.pins)
        if (auto placed = place_pins(*own->tc, *options.pins, options.share); !placed)
            return tl::make_unexpected(placed.error());
    if (const int error = weir_tc__load(own->tc.get()); error != 0)
        return load_error("the data path", -error);
    own->tables = Tables(map_fds(*own->tc));

    // the XDP object uses the TC object's maps
    return open_xdp(*own->tc).map([&](XdpSkeleton xdp) {
        own->xdp = std::move(xdp);
        return Objects(std::move(own));
    });
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
    auto xdp = open_xdp(*skeletons_->tc);
    if (!xdp)
        return tl::make_unexpected(xdp.error());
    skeletons_->xdp_for_libxdp = std::move(*xdp);
    xdp_program *program = xdp_program__from_bpf_obj(skeletons_->xdp_for_libxdp->obj, "xdp.frags");
    if (const long error = libxdp_get_error(program); error != 0)
        return load_error("the XDP program", static_cast<int>(-error));
    skeletons_->xdp_for_attach.reset(program);
    // libxdp 1.3 does not take this from the section's name
    if (const int error = xdp_program__set_xdp_frags_support(program, true); error != 0)
        return load_error("the XDP program", -error);
    return program;
}

}  // namespace weir
