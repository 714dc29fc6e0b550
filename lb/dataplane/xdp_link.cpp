#include "lb/dataplane/xdp_link.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace weir {

namespace {

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
xdp_program *own_program(const Multiprog &programs, const MapIds &own) {
    if (!programs)
        return nullptr;
    if (xdp_multiprog__is_legacy(programs.get())) {
        xdp_program *only = xdp_multiprog__main_prog(programs.get());
        return program_uses_map(xdp_program__fd(only), own) ? only : nullptr;
    }
    xdp_program *one = nullptr;
    while ((one = xdp_multiprog__next_prog(one, programs.get())) != nullptr)
        if (program_uses_map(xdp_program__fd(one), own))
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

// One program in the place of another (-1: of none), with no packet between them.
Result<void> swap_alone(const std::string &interface, unsigned ifindex, XdpMode mode, int program,
                        int old) {
    LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = old);
    const unsigned flags = (old >= 0 ? XDP_FLAGS_REPLACE : XDP_FLAGS_UPDATE_IF_NOEXIST) |
                           (mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    const int error = bpf_xdp_attach(static_cast<int>(ifindex), program, flags, &options);
    if (error != 0)
        return attach_error(interface, mode, -error);
    return {};
}

}  // namespace

bool xdp_is_attached(unsigned ifindex, const MapIds &own) {
    return own_program(programs_on(ifindex), own) != nullptr;
}

Result<void> xdp_attach(Objects &objects, const std::string &interface, unsigned ifindex,
                        XdpMode mode, const MapIds &own) {
    const Multiprog there = programs_on(ifindex);
    xdp_program *old = own_program(there, own);
    const xdp_attach_mode wanted = to_libxdp(mode);
    const bool same_mode = there && xdp_multiprog__attach_mode(there.get()) == wanted;

    if (old != nullptr && same_mode && xdp_multiprog__is_legacy(there.get()))
        return objects.xdp_ingress().and_then([&](int program) {
            return swap_alone(interface, ifindex, mode, program, xdp_program__fd(old));
        });
    if (old != nullptr && !same_mode) {
        // the kernel allows one mode at a time: the old program has to go before
        if (auto gone = xdp_detach(interface, ifindex, own); !gone)
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

Result<bool> xdp_detach(const std::string &interface, unsigned ifindex, const MapIds &own) {
    const Multiprog there = programs_on(ifindex);
    xdp_program *program = own_program(there, own);
    if (program == nullptr)
        return false;
    const int error = xdp_program__detach(program, static_cast<int>(ifindex),
                                          xdp_multiprog__attach_mode(there.get()), 0);
    if (error != 0)
        return fail(Exit::refused, fmt::format("cannot take the XDP program off {}: {}", interface,
                                               std::strerror(-error)));
    return true;
}

std::optional<LoneXdp> xdp_alone(unsigned ifindex, const MapIds &own) {
    const Multiprog there = programs_on(ifindex);
    const xdp_program *program = own_program(there, own);
    if (program == nullptr || !xdp_multiprog__is_legacy(there.get()))
        return std::nullopt;
    const bool generic = xdp_multiprog__attach_mode(there.get()) == XDP_MODE_SKB;
    return LoneXdp{Fd(::fcntl(xdp_program__fd(program), F_DUPFD_CLOEXEC, 0)),
                   generic ? XdpMode::generic : XdpMode::native};
}

Result<void> xdp_put_back(const std::string &interface, unsigned ifindex, const LoneXdp &lone,
                          const MapIds &own) {
    const auto there = xdp_alone(ifindex, own);
    if (there && there->mode == lone.mode)
        return swap_alone(interface, ifindex, lone.mode, lone.program.get(), there->program.get());
    return xdp_detach(interface, ifindex, own).and_then([&](bool) {
        return swap_alone(interface, ifindex, lone.mode, lone.program.get(), -1);
    });
}

}  // namespace weir
