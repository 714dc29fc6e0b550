#include "lb/dataplane/xdp_link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace weir {

namespace {

// Programs of one dispatcher, and maps of one program, that are looked at.
constexpr std::uint32_t kMaxMaps = 64;

struct MultiprogDeleter {
    void operator()(xdp_multiprog *programs) const { xdp_multiprog__close(programs); }
};
using Multiprog = std::unique_ptr<xdp_multiprog, MultiprogDeleter>;

Multiprog programs_on(unsigned ifindex) {
    xdp_multiprog *found = xdp_multiprog__get_from_ifindex(static_cast<int>(ifindex));
    return Multiprog(libxdp_get_error(found) != 0 ? nullptr : found);
}

xdp_attach_mode to_libxdp(XdpMode mode) {
    switch (mode) {
        case XdpMode::native:
            return XDP_MODE_NATIVE;
        case XdpMode::generic:
            return XDP_MODE_SKB;
        case XdpMode::offload:
            break;
    }
    return XDP_MODE_HW;
}

// This instance's program among those on the interface; owned by `programs`.
xdp_program *own_program(const Multiprog &programs, std::uint32_t flows_map_id) {
    if (!programs)
        return nullptr;
    if (xdp_multiprog__is_legacy(programs.get())) {
        xdp_program *only = xdp_multiprog__main_prog(programs.get());
        return program_uses_map(xdp_program__fd(only), flows_map_id) ? only : nullptr;
    }
    xdp_program *one = nullptr;
    while ((one = xdp_multiprog__next_prog(one, programs.get())) != nullptr)
        if (program_uses_map(xdp_program__fd(one), flows_map_id))
            return one;
    return nullptr;
}

tl::unexpected<Error> attach_error(const std::string &interface, XdpMode mode, int error) {
    std::string why = std::strerror(error);
    if (error == EOPNOTSUPP)
        why = mode == XdpMode::generic ? "not supported"
                                       : "its driver has no native XDP; use `xdp_mode: generic` or "
                                         "`hook: tc`";
    // not EOPNOTSUPP alone: libxdp loads the program for the device, which is EINVAL without one
    if (mode == XdpMode::offload && (error == EOPNOTSUPP || error == EINVAL))
        why = "it runs no programs itself; use `xdp_mode: native` or `generic`";
    if (error == EBUSY || error == EEXIST)
        why = fmt::format(
            "another XDP program is there; remove it first (ip link set dev {} xdp off)",
            interface);
    return fail(Exit::refused,
                fmt::format("cannot attach XDP ({}) to {}: {}", to_string(mode), interface, why));
}

// One program in the place of another, with no packet between them.
Result<void> swap_alone(Objects &objects, const std::string &interface, unsigned ifindex,
                        XdpMode mode, const xdp_program *old) {
    const auto program = objects.xdp_ingress();
    if (!program)
        return tl::make_unexpected(program.error());
    LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = xdp_program__fd(old));
    const unsigned flags =
        XDP_FLAGS_REPLACE | (mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    const int error = bpf_xdp_attach(static_cast<int>(ifindex), *program, flags, &options);
    if (error != 0)
        return attach_error(interface, mode, -error);
    return {};
}

}  // namespace

bool program_uses_map(int program, std::uint32_t map_id) {
    std::array<std::uint32_t, kMaxMaps> maps{};
    bpf_prog_info info{};
    info.nr_map_ids = kMaxMaps;
    info.map_ids = reinterpret_cast<std::uintptr_t>(maps.data());
    std::uint32_t length = sizeof info;
    if (program < 0 || bpf_obj_get_info_by_fd(program, &info, &length) != 0)
        return false;
    for (std::uint32_t i = 0; i < info.nr_map_ids && i < kMaxMaps; ++i)
        if (maps.at(i) == map_id)
            return true;
    return false;
}

std::uint32_t map_id_of(int map) {
    bpf_map_info info{};
    std::uint32_t length = sizeof info;
    return bpf_obj_get_info_by_fd(map, &info, &length) == 0 ? info.id : 0;
}

bool xdp_is_attached(unsigned ifindex, std::uint32_t flows_map_id) {
    return own_program(programs_on(ifindex), flows_map_id) != nullptr;
}

Result<void> xdp_attach(Objects &objects, const std::string &interface, unsigned ifindex,
                        XdpMode mode, std::uint32_t flows_map_id) {
    const Multiprog there = programs_on(ifindex);
    xdp_program *old = own_program(there, flows_map_id);
    const xdp_attach_mode wanted = to_libxdp(mode);
    const bool same_mode = there && xdp_multiprog__attach_mode(there.get()) == wanted;

    if (old != nullptr && same_mode && xdp_multiprog__is_legacy(there.get()))
        return swap_alone(objects, interface, ifindex, mode, old);
    if (old != nullptr && !same_mode) {
        // the kernel allows one mode at a time: the old program has to go before
        if (auto gone = xdp_detach(interface, ifindex, flows_map_id); !gone)
            return tl::make_unexpected(gone.error());
        old = nullptr;
    }
    const auto program = objects.xdp_for_attach();
    if (!program)
        return tl::make_unexpected(program.error());
    int error = xdp_program__attach(*program, static_cast<int>(ifindex), wanted, 0);
    if (error != 0)
        return attach_error(interface, mode, -error);
    if (old != nullptr)
        error = xdp_program__detach(old, static_cast<int>(ifindex), wanted, 0);
    if (error != 0)
        return attach_error(interface, mode, -error);
    return {};
}

Result<bool> xdp_detach(const std::string &interface, unsigned ifindex,
                        std::uint32_t flows_map_id) {
    const Multiprog there = programs_on(ifindex);
    xdp_program *own = own_program(there, flows_map_id);
    if (own == nullptr)
        return false;
    const int error = xdp_program__detach(own, static_cast<int>(ifindex),
                                          xdp_multiprog__attach_mode(there.get()), 0);
    if (error != 0)
        return fail(Exit::refused, fmt::format("cannot take the XDP program off {}: {}", interface,
                                               std::strerror(-error)));
    return true;
}

}  // namespace weir
