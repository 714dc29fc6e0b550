#include "lb/dataplane/program_ids.h"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace weir {

namespace {

// Maps of one program that are looked at.
constexpr std::uint32_t kMaxMaps = 64;

}  // namespace

bool program_uses_map(int program, const MapIds &maps) {
    std::array<std::uint32_t, kMaxMaps> used{};
    bpf_prog_info info{};
    info.nr_map_ids = kMaxMaps;
    info.map_ids = reinterpret_cast<std::uintptr_t>(used.data());
    std::uint32_t length = sizeof info;
    if (program < 0 || bpf_obj_get_info_by_fd(program, &info, &length) != 0)
        return false;
    const auto end = used.begin() + std::min(info.nr_map_ids, kMaxMaps);
    return std::any_of(used.begin(), end, [&](std::uint32_t id) {
        return std::find(maps.begin(), maps.end(), id) != maps.end();
    });
}

std::uint32_t program_id_of(int program) {
    bpf_prog_info info{};
    std::uint32_t length = sizeof info;
    return bpf_obj_get_info_by_fd(program, &info, &length) == 0 ? info.id : 0;
}

ProgramRuns runs_of(int program) {
    bpf_prog_info info{};
    std::uint32_t length = sizeof info;
    if (bpf_obj_get_info_by_fd(program, &info, &length) != 0)
        return {};
    return {info.run_cnt,
            std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(info.run_time_ns))};
}

Fd OwnPrograms::open(std::uint32_t program) const {
    if (program == 0)
        return {};
    if (loaded_)
        for (const int one : loaded_())
            if (program_id_of(one) == program)
                return Fd(::fcntl(one, F_DUPFD_CLOEXEC, 0));
    Fd other(bpf_prog_get_fd_by_id(program));
    return contains(other.get()) ? std::move(other) : Fd();
}

bool OwnPrograms::may_look() {
    // no program has this id
    return bpf_prog_get_fd_by_id(0) >= 0 || errno != EPERM;
}

std::uint32_t map_id_of(int map) {
    bpf_map_info info{};
    std::uint32_t length = sizeof info;
    return bpf_obj_get_info_by_fd(map, &info, &length) == 0 ? info.id : 0;
}

}  // namespace weir
