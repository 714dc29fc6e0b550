#include "lb/dataplane/xdp_link.h"

#include <bpf/libbpf.h>
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

// This instance's program among those of libxdp's dispatcher on the interface; owned by `programs`.
xdp_program *dispatched(const Multiprog &programs, const OwnPrograms &own) {
    if (!programs || xdp_multiprog__is_legacy(programs.get()))
        return nullptr;
    xdp_program *one = nullptr;
    while ((one = xdp_multiprog__next_prog(one, programs.get())) != nullptr)
        if (own.contains(xdp_program__fd(one)))
            return one;
    return nullptr;
}

struct Attached {
    std::uint32_t program = 0;
    XdpMode mode = XdpMode::native;
};

Attached attached_to(unsigned ifindex) {
    LIBBPF_OPTS(bpf_xdp_query_opts, found);
    if (bpf_xdp_query(static_cast<int>(ifindex), 0, &found) != 0)
        return {};
    return {found.prog_id, found.attach_mode == XDP_ATTACHED_SKB  ? XdpMode::generic
                           : found.attach_mode == XDP_ATTACHED_HW ? XdpMode::offload
                                                                  : XdpMode::native};
}

unsigned mode_flag(XdpMode mode) {
    return mode == XdpMode::generic   ? XDP_FLAGS_SKB_MODE
           : mode == XdpMode::offload ? XDP_FLAGS_HW_MODE
                                      : XDP_FLAGS_DRV_MODE;
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
    const unsigned flags =
        (old >= 0 ? XDP_FLAGS_REPLACE : XDP_FLAGS_UPDATE_IF_NOEXIST) | mode_flag(mode);
    const int error = bpf_xdp_attach(static_cast<int>(ifindex), program, flags, &options);
    if (error != 0)
        return attach_error(interface, mode, -error);
    return {};
}

}  // namespace

std::uint32_t xdp_program_on(unsigned ifindex) {
    return attached_to(ifindex).program;
}

bool xdp_is_attached(unsigned ifindex, const OwnPrograms &own) {
    return own.open(xdp_program_on(ifindex)) || dispatched(programs_on(ifindex), own) != nullptr;
}

bool xdp_is_there(unsigned ifindex, std::uint32_t was, const OwnPrograms &own) {
    const std::uint32_t is = xdp_program_on(ifindex);
    if (is == 0 || is == was || own.open(is))
        return is != 0;
    // of another dispatcher it can only be thought that it calls what the old one did
    return !own.open(was) &&
           (!OwnPrograms::may_look() || dispatched(programs_on(ifindex), own) != nullptr);
}

namespace {

// With libxdp's dispatcher, where the kernel has it.
Result<void> attach_with_libxdp(Objects &objects, const std::string &interface, unsigned ifindex,
                                XdpMode mode, const OwnPrograms &own) {
    const Multiprog there = programs_on(ifindex);
    xdp_program *old = dispatched(there, own);
    const auto program = objects.xdp_for_attach();
    if (!program)
        return tl::make_unexpected(program.error());
    // libxdp 1.3 crashes when it is to add a program to a dispatcher that has it already
    const std::uint32_t loaded = program_id_of(xdp_program__fd(*program));
    if (old != nullptr && loaded != 0 && program_id_of(xdp_program__fd(old)) == loaded)
        return {};
    int error = xdp_program__attach(*program, static_cast<int>(ifindex), to_libxdp(mode), 0);
    if (error == 0 && old != nullptr)
        error = xdp_program__detach(old, static_cast<int>(ifindex), to_libxdp(mode), 0);
    if (error != 0)
        return attach_error(interface, mode, -error);
    return {};
}

}  // namespace

Result<void> xdp_attach(Objects &objects, const std::string &interface, unsigned ifindex,
                        XdpMode mode, const OwnPrograms &own) {
    const auto alone = xdp_alone(ifindex, own);
    if (alone && alone->mode == mode)
        return objects.xdp_ingress().and_then([&](int program) {
            return swap_alone(interface, ifindex, mode, program, alone->program.get());
        });
    // the kernel allows one mode at a time: the old program has to go before
    if (attached_to(ifindex).mode != mode)
        if (auto gone = xdp_detach(interface, ifindex, own); !gone)
            return tl::make_unexpected(gone.error());
    if (OwnPrograms::may_look())
        return attach_with_libxdp(objects, interface, ifindex, mode, own);
    // libxdp has to look at what is there
    return objects.xdp_ingress().and_then(
        [&](int program) { return swap_alone(interface, ifindex, mode, program, -1); });
}

Result<bool> xdp_detach(const std::string &interface, unsigned ifindex, const OwnPrograms &own) {
    int error = 0;
    if (const auto alone = xdp_alone(ifindex, own)) {
        LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = alone->program.get());
        error = bpf_xdp_detach(static_cast<int>(ifindex),
                               XDP_FLAGS_REPLACE | mode_flag(alone->mode), &options);
    } else {
        const Multiprog there = programs_on(ifindex);
        xdp_program *program = dispatched(there, own);
        if (program == nullptr)
            return false;
        error = xdp_program__detach(program, static_cast<int>(ifindex),
                                    xdp_multiprog__attach_mode(there.get()), 0);
    }
    if (error != 0)
        return fail(Exit::refused, fmt::format("cannot take the XDP program off {}: {}", interface,
                                               std::strerror(-error)));
    return true;
}

std::optional<LoneXdp> xdp_alone(unsigned ifindex, const OwnPrograms &own) {
    const Attached there = attached_to(ifindex);
    Fd program = own.open(there.program);
    if (!program)
        return std::nullopt;
    return LoneXdp{std::move(program), there.mode};
}

Result<void> xdp_put_back(const std::string &interface, unsigned ifindex, const LoneXdp &lone,
                          const OwnPrograms &own) {
    const auto there = xdp_alone(ifindex, own);
    if (there && there->mode == lone.mode)
        return swap_alone(interface, ifindex, lone.mode, lone.program.get(), there->program.get());
    return xdp_detach(interface, ifindex, own).and_then([&](bool) {
        return swap_alone(interface, ifindex, lone.mode, lone.program.get(), -1);
    });
}

}  // namespace weir
