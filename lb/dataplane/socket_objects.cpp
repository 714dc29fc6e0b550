#include "lb/dataplane/socket_objects.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "bpf/abi.h"
#include "lb/dataplane/pinned_maps.h"
// The skeleton names the types of abi.h.
#include "sock.skel.h"

namespace weir {

namespace {

struct SockDeleter {
    void operator()(weir_sock *skeleton) const { weir_sock__destroy(skeleton); }
};

tl::unexpected<Error> socket_load_error(int error) {
    return fail(Exit::refused,
                fmt::format("the kernel refuses to load the socket programs: {} (they need Linux "
                            "6.1 or later with CONFIG_CGROUP_BPF)",
                            std::strerror(error)));
}

// Of the programs' maps those that the data path has, too, are its own.
Result<void> use_maps_of(const Objects &objects, const weir_sock &skeleton,
                         const std::filesystem::path &pins,
                         const std::optional<std::filesystem::path> &share) {
    const auto &maps = skeleton.maps;
    const std::array settled{maps.socket_settings, maps.socket_sources,   maps.socket_allowed,
                             maps.listeners,       maps.listener_sockets, maps.listener_wanted};
    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, skeleton.obj) {
        if (bpf_map__is_internal(map))
            continue;
        if (const int shared = objects.map(bpf_map__name(map)); shared >= 0) {
            if (const int error = bpf_map__reuse_fd(map, shared); error != 0)
                return socket_load_error(-error);
            continue;
        }
        const bool shareable = std::find(settled.begin(), settled.end(), map) == settled.end();
        if (auto placed = place_pin(skeleton.obj, map, shareable, pins, share); !placed)
            return placed;
    }
    return {};
}

void set_sizes(const weir_sock &skeleton, const Limits &limits) {
    const auto &maps = skeleton.maps;
    bpf_map__set_max_entries(maps.socket_sources, limits.services);
    bpf_map__set_max_entries(maps.socket_service_stats, limits.services);
    bpf_map__set_max_entries(maps.socket_histograms, limits.services * WEIR_SOCKET_HISTOGRAMS);
    bpf_map__set_max_entries(maps.socket_backend_stats, limits.backends);
    bpf_map__set_max_entries(maps.socket_generations, limits.backends);
}

SocketMapFds map_fds(const weir_sock &skeleton) {
    const auto &maps = skeleton.maps;
    return {.settings = bpf_map__fd(maps.socket_settings),
            .sources = bpf_map__fd(maps.socket_sources),
            .allowed = bpf_map__fd(maps.socket_allowed),
            .service_stats = bpf_map__fd(maps.socket_service_stats),
            .backend_stats = bpf_map__fd(maps.socket_backend_stats),
            .flows = bpf_map__fd(maps.socket_flows),
            .epoch = bpf_map__fd(maps.socket_epoch),
            .generations = bpf_map__fd(maps.socket_generations),
            .refusals = bpf_map__fd(maps.socket_refusals),
            .events = bpf_map__fd(maps.socket_events),
            .users = bpf_map__fd(maps.socket_users),
            .histograms = bpf_map__fd(maps.socket_histograms),
            .sockets = bpf_map__fd(maps.sockets),
            .udp_sockets = bpf_map__fd(maps.udp_sockets),
            .listeners = bpf_map__fd(maps.listeners),
            .listener_sockets = bpf_map__fd(maps.listener_sockets),
            .listener_wanted = bpf_map__fd(maps.listener_wanted)};
}

}  // namespace

struct SocketObjects::Skeleton {
    std::unique_ptr<weir_sock, SockDeleter> sock;
};

SocketObjects::SocketObjects(std::unique_ptr<Skeleton> skeleton)
    : skeleton_(std::move(skeleton)), tables_(map_fds(*skeleton_->sock)) {}
SocketObjects::~SocketObjects() = default;
SocketObjects::SocketObjects(SocketObjects &&) noexcept = default;
SocketObjects &SocketObjects::operator=(SocketObjects &&) noexcept = default;

Result<SocketObjects> SocketObjects::load(const Objects &objects, const Limits &limits,
                                          const std::filesystem::path &pins,
                                          const std::optional<std::filesystem::path> &share) {
    auto own = std::make_unique<Skeleton>();
    own->sock.reset(weir_sock__open());
    if (!own->sock)
        return socket_load_error(errno);
    set_sizes(*own->sock, limits);
    if (auto placed = use_maps_of(objects, *own->sock, pins, share); !placed)
        return tl::make_unexpected(placed.error());
    if (const int error = weir_sock__load(own->sock.get()); error != 0)
        return socket_load_error(-error);
    return SocketObjects(std::move(own));
}

std::vector<SocketProgram> SocketObjects::programs(bool listeners) const {
    constexpr std::string_view kPrefix = "weir_";
    std::vector<SocketProgram> all;
    bpf_program *program = nullptr;
    bpf_object__for_each_program(program, skeleton_->sock->obj) {
        const bool of_netns = bpf_program__type(program) == BPF_PROG_TYPE_SK_LOOKUP;
        if (bpf_program__type(program) != BPF_PROG_TYPE_SCHED_CLS && (listeners || !of_netns))
            all.push_back({std::string(bpf_program__name(program)).substr(kPrefix.size()),
                           bpf_program__fd(program), bpf_program__expected_attach_type(program),
                           of_netns});
    }
    return all;
}

int SocketObjects::find_listener() const {
    return bpf_program__fd(skeleton_->sock->progs.weir_find_listener);
}

int SocketObjects::map(const char *name) const {
    return bpf_object__find_map_fd_by_name(skeleton_->sock->obj, name);
}

}  // namespace weir
