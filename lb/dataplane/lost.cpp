#include "lb/dataplane/lost.h"

#include <bpf/bpf.h>
#include <net/if.h>

#include <memory>
#include <string_view>

#include "lb/dataplane/library_log.h"
#include "lb/dataplane/pins.h"
#include "lb/dataplane/program_ids.h"
#include "lb/dataplane/tc_link.h"
#include "lb/dataplane/xdp_link.h"

namespace weir {

namespace {

constexpr std::string_view kNames = "weir_";  // begin so

bool is_lost(std::uint32_t program, const MapIds &pinned) {
    const Fd fd(program == 0 ? -1 : bpf_prog_get_fd_by_id(program));
    bpf_prog_info info{};
    std::uint32_t length = sizeof info;
    return fd && bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0 &&
           std::string_view(info.name).substr(0, kNames.size()) == kNames &&
           !program_uses_map(fd.get(), pinned);
}

}  // namespace

std::vector<LostPrograms> find_lost_programs() {
    route_library_logs();
    MapIds pinned;
    for (const auto &instance : pinned_instances())
        for (const auto id : own_maps(tables_of(instance)))
            pinned.push_back(id);
    std::vector<LostPrograms> all;
    const std::unique_ptr<struct if_nameindex, void (*)(struct if_nameindex *)> interfaces(
        ::if_nameindex(), ::if_freenameindex);
    for (const auto *one = interfaces.get(); one != nullptr && one->if_index != 0; ++one) {
        LostPrograms lost{one->if_name};
        for (const auto side : {TcSide::ingress, TcSide::egress})
            for (const auto place : {TcPlace::usual, TcPlace::front})
                lost.tc |= is_lost(tc_program_on(one->if_index, side, place), pinned);
        lost.xdp = is_lost(xdp_program_on(one->if_index), pinned);
        if (lost.tc || lost.xdp)
            all.push_back(std::move(lost));
    }
    return all;
}

}  // namespace weir
