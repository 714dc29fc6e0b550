#include "lb/dataplane/tc_link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "lb/dataplane/link.h"

namespace weir {

namespace {

// The place of our filters ("we" in ASCII): far from the low numbers that people use by hand.
constexpr std::uint32_t kPriority = 0x7765;
constexpr std::uint32_t kFront = kPriority - 1;
constexpr std::uint32_t kHandle = 1;

bpf_tc_hook make_hook(unsigned ifindex, TcSide side) {
    bpf_tc_hook hook{};
    hook.sz = sizeof hook;
    hook.ifindex = static_cast<int>(ifindex);
    hook.attach_point = side == TcSide::ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    return hook;
}

bpf_tc_opts make_options(TcPlace place = TcPlace::usual) {
    bpf_tc_opts options{};
    options.sz = sizeof options;
    options.handle = kHandle;
    options.priority = place == TcPlace::usual ? kPriority : kFront;
    return options;
}

enum class Holder { nobody, own, other };

Holder holder_of(unsigned ifindex, TcSide side, TcPlace place, const OwnPrograms &own) {
    const std::uint32_t program = tc_program_on(ifindex, side, place);
    if (program == 0)
        return Holder::nobody;
    return own.open(program) ? Holder::own : Holder::other;
}

std::string_view name_of(TcSide side) {
    return side == TcSide::ingress ? "ingress" : "egress";
}

tl::unexpected<Error> tc_error(std::string_view action, const std::string &interface, TcSide side,
                               std::string_view why) {
    return fail(Exit::refused,
                fmt::format("cannot {} TC {} of {}: {}", action, name_of(side), interface, why));
}

// False: there is none of `own`.
Result<bool> detach_from(const std::string &interface, unsigned ifindex, TcSide side, TcPlace place,
                         const OwnPrograms &own) {
    if (holder_of(ifindex, side, place, own) != Holder::own)
        return false;
    const bpf_tc_hook hook = make_hook(ifindex, side);
    bpf_tc_opts options = make_options(place);
    if (const int error = bpf_tc_detach(&hook, &options); error != 0)
        return tc_error("detach from", interface, side, std::strerror(-error));
    return true;
}

}  // namespace

std::uint32_t tc_program_on(unsigned ifindex, TcSide side, TcPlace place) {
    const bpf_tc_hook hook = make_hook(ifindex, side);
    bpf_tc_opts options = make_options(place);
    return bpf_tc_query(&hook, &options) == 0 ? options.prog_id : 0;
}

bool tc_holds(unsigned ifindex, TcSide side, int program) {
    const std::uint32_t there = tc_program_on(ifindex, side, TcPlace::usual);
    return there != 0 && there == program_id_of(program);
}

Fd tc_program(unsigned ifindex, TcSide side, const OwnPrograms &own) {
    return own.open(tc_program_on(ifindex, side, TcPlace::usual));
}

bool tc_is_attached(unsigned ifindex, TcSide side, const OwnPrograms &own) {
    return holder_of(ifindex, side, TcPlace::usual, own) == Holder::own ||
           holder_of(ifindex, side, TcPlace::front, own) == Holder::own;
}

bool tc_is_loaded(const MapIds &own) {
    std::uint32_t id = 0;
    while (bpf_prog_get_next_id(id, &id) == 0) {
        const Fd program(bpf_prog_get_fd_by_id(id));
        bpf_prog_info info{};
        std::uint32_t length = sizeof info;
        if (program && bpf_obj_get_info_by_fd(program.get(), &info, &length) == 0 &&
            info.type == BPF_PROG_TYPE_SCHED_CLS && program_uses_map(program.get(), own))
            return true;
    }
    return false;
}

Result<void> tc_attach(const std::string &interface, unsigned ifindex, TcSide side, int program,
                       const OwnPrograms &own, TcPlace place) {
    bpf_tc_hook both = make_hook(ifindex, side);
    both.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
    if (const int error = bpf_tc_hook_create(&both); error != 0 && error != -EEXIST)
        return tc_error("make a clsact qdisc for", interface, side, std::strerror(-error));
    const auto kind = ingress_qdisc_kind(ifindex);
    if (!kind)
        return tl::make_unexpected(kind.error());
    if (*kind != "clsact")
        return tc_error("attach to", interface, side,
                        fmt::format("a qdisc of kind {0} stands where clsact must be: remove it "
                                    "first (tc qdisc del dev {1} {0})",
                                    *kind, interface));

    if (holder_of(ifindex, side, place, own) == Holder::other)
        return tc_error("attach to", interface, side,
                        fmt::format("another filter has priority {}, perhaps another instance of "
                                    "weir: remove it first (tc filter show dev {} {})",
                                    make_options(place).priority, interface, name_of(side)));
    const bpf_tc_hook hook = make_hook(ifindex, side);
    bpf_tc_opts options = make_options(place);
    options.prog_fd = program;
    options.flags = BPF_TC_F_REPLACE;
    if (const int error = bpf_tc_attach(&hook, &options); error != 0)
        return tc_error("attach to", interface, side, std::strerror(-error));
    if (place == TcPlace::front)
        return {};
    return detach_from(interface, ifindex, side, TcPlace::front, own).map([](bool) {});
}

Result<bool> tc_detach(const std::string &interface, unsigned ifindex, TcSide side,
                       const OwnPrograms &own) {
    auto front = detach_from(interface, ifindex, side, TcPlace::front, own);
    if (!front)
        return front;
    return detach_from(interface, ifindex, side, TcPlace::usual, own).map([&](bool usual) {
        return usual || *front;
    });
}

Result<void> tc_remove_empty_clsact(const std::string &interface, unsigned ifindex) {
    const auto filters = clsact_has_filters(ifindex);
    if (!filters)
        return tl::make_unexpected(filters.error());
    if (*filters)
        return {};
    bpf_tc_hook both = make_hook(ifindex, TcSide::ingress);
    both.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
    const int error = bpf_tc_hook_destroy(&both);
    if (error != 0 && error != -ENOENT && error != -EINVAL)
        return fail(Exit::refused, fmt::format("cannot remove the clsact qdisc of {}: {}",
                                               interface, std::strerror(-error)));
    return {};
}

}  // namespace weir
