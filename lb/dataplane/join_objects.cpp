#include "lb/dataplane/join_objects.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "bpf/abi_join.h"
#include "lb/dataplane/map_access.h"
#include "lb/dataplane/map_reads.h"
#include "lb/dataplane/pinned_maps.h"
// The skeleton names the types of abi.h.
#include "join.skel.h"

namespace weir {

namespace {

constexpr std::string_view kStats = "join_stats";

struct JoinDeleter {
    void operator()(weir_join *skeleton) const { weir_join__destroy(skeleton); }
};

tl::unexpected<Error> load_error(int error) {
    return fail(Exit::refused,
                fmt::format("the kernel refuses to load the programs of `sockets: {{join: true}}`: "
                            "{} (they need Linux 6.1 or later with CONFIG_BPF_STREAM_PARSER and "
                            "CONFIG_DEBUG_INFO_BTF)",
                            std::strerror(error)));
}

Result<void> use_maps_of(const Objects &objects, const SocketObjects &sockets,
                         const weir_join &skeleton, const std::filesystem::path &pins,
                         const std::optional<std::filesystem::path> &share) {
    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, skeleton.obj) {
        if (bpf_map__is_internal(map))
            continue;
        const int of_data_path = objects.map(bpf_map__name(map));
        const int shared = of_data_path >= 0 ? of_data_path : sockets.map(bpf_map__name(map));
        if (shared < 0) {
            if (auto placed = place_pin(skeleton.obj, map, true, pins, share); !placed)
                return placed;
        } else if (const int error = bpf_map__reuse_fd(map, shared); error != 0) {
            return load_error(-error);
        }
    }
    return {};
}

}  // namespace

struct JoinObjects::Skeleton {
    std::unique_ptr<weir_join, JoinDeleter> join;
};

JoinObjects::JoinObjects(std::unique_ptr<Skeleton> skeleton) : skeleton_(std::move(skeleton)) {}
JoinObjects::~JoinObjects() = default;
JoinObjects::JoinObjects(JoinObjects &&) noexcept = default;
JoinObjects &JoinObjects::operator=(JoinObjects &&) noexcept = default;

Result<JoinObjects> JoinObjects::load(const Objects &objects, const SocketObjects &sockets,
                                      const Limits &limits, const std::filesystem::path &pins,
                                      const std::optional<std::filesystem::path> &share) {
    auto own = std::make_unique<Skeleton>();
    own->join.reset(weir_join__open());
    if (!own->join)
        return load_error(errno);
    const auto &maps = own->join->maps;
    bpf_map__set_max_entries(maps.join_stats, limits.services);
    if (auto placed = use_maps_of(objects, sockets, *own->join, pins, share); !placed)
        return tl::make_unexpected(placed.error());
    if (const int error = weir_join__load(own->join.get()); error != 0)
        return load_error(-error);
    // the map gives it to each socket that is put there; one that has another program keeps it
    if (bpf_prog_attach(bpf_program__fd(own->join->progs.weir_join_msg),
                        bpf_map__fd(maps.join_ends), BPF_SK_MSG_VERDICT, 0) != 0)
        return load_error(errno);
    return JoinObjects(std::move(own));
}

std::vector<SocketProgram> JoinObjects::programs() const {
    constexpr std::string_view kPrefix = "weir_";
    std::vector<SocketProgram> all;
    for (const bpf_program *program :
         {skeleton_->join->progs.weir_join_sockops, skeleton_->join->progs.weir_join_ingress,
          skeleton_->join->progs.weir_join_setsockopt})
        all.push_back({std::string(bpf_program__name(program)).substr(kPrefix.size()),
                       bpf_program__fd(program), bpf_program__expected_attach_type(program),
                       false});
    return all;
}

Result<std::vector<JoinCounters>> JoinObjects::counters(std::uint32_t count) const {
    const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
    const NamedMap map{bpf_map__fd(skeleton_->join->maps.join_stats), kStats};
    std::vector<JoinCounters> sums;
    sums.reserve(count);
    return for_entries<weir_join_stats>(map, count, cpus,
                                        [&](const weir_join_stats *of_cpus) {
                                            JoinCounters &sum = sums.emplace_back();
                                            for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
                                                sum.connections += of_cpus[cpu].connections;
                                                sum.bytes += of_cpus[cpu].bytes;
                                                sum.tcp_bytes += of_cpus[cpu].tcp_bytes;
                                            }
                                        })
        .map([&] { return std::move(sums); });
}

Result<void> JoinObjects::clear(const std::vector<std::uint32_t> &services) const {
    const std::vector<weir_join_stats> zeros(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    const int fd = bpf_map__fd(skeleton_->join->maps.join_stats);
    return for_all(services, [&](std::uint32_t id) -> Result<void> {
        if (bpf_map_update_elem(fd, &id, zeros.data(), BPF_ANY) != 0)
            return map_error(kStats, "clear an entry", errno);
        return {};
    });
}

}  // namespace weir
