#include "lb/dataplane/standing.h"

#include <net/if.h>

#include <algorithm>

#include "lb/dataplane/link.h"
#include "lb/dataplane/tc_link.h"

namespace weir {

Standing Standing::read(const std::vector<InterfaceConfig> &interfaces, const OwnPrograms &own) {
    Standing standing;
    for (const InterfaceConfig &one : interfaces) {
        const unsigned ifindex = if_nametoindex(one.name.c_str());
        if (ifindex == 0)
            continue;
        Programs programs{one.name,
                          ifindex,
                          tc_program(ifindex, TcSide::ingress, own),
                          tc_program(ifindex, TcSide::egress, own),
                          xdp_alone(ifindex, own),
                          xdp_is_attached(ifindex, own)};
        programs.any = programs.tc_ingress || programs.tc_egress || programs.any_xdp;
        standing.all_.push_back(std::move(programs));
    }
    return standing;
}

bool Standing::has(const std::string &interface) const {
    return std::any_of(all_.begin(), all_.end(),
                       [&](const Programs &one) { return one.interface == interface && one.any; });
}

// The error that led here is the one to report.
void Standing::take_off_one(Objects &objects, const Programs &programs, const OwnPrograms &own) {
    static_cast<void>(objects.tables().remove_xdp_device(programs.ifindex));
    static_cast<void>(take_off(programs.interface, programs.ifindex, own));
    // also the qdisc that was made for a filter which was then refused
    static_cast<void>(tc_remove_empty_clsact(programs.interface, programs.ifindex));
}

void Standing::put_back_one(Objects &objects, const Programs &programs, const OwnPrograms &own) {
    const auto &[interface, ifindex, ingress, egress, xdp, any_xdp, any] = programs;
    if (!any)
        return take_off_one(objects, programs, own);
    if (ingress)
        static_cast<void>(tc_attach(interface, ifindex, TcSide::ingress, ingress.get(), own));
    if (egress)
        static_cast<void>(tc_attach(interface, ifindex, TcSide::egress, egress.get(), own));
    if (xdp && xdp_put_back(interface, ifindex, *xdp, own))
        static_cast<void>(
            objects.tables().set_xdp_device(ifindex, device_mode(interface, xdp->mode)));
    if (!any_xdp && xdp_is_attached(ifindex, own)) {
        static_cast<void>(objects.tables().remove_xdp_device(ifindex));
        static_cast<void>(xdp_detach(interface, ifindex, own));
    }
}

void Standing::put_back(Objects &objects, const OwnPrograms &own) const {
    for (const Programs &programs : all_)
        put_back_one(objects, programs, own);
}

void Standing::take_off_new(Objects &objects, const OwnPrograms &own) const {
    for (const Programs &programs : all_)
        if (!programs.any)
            take_off_one(objects, programs, own);
}

Result<bool> take_off(const std::string &interface, unsigned ifindex, const OwnPrograms &own) {
    auto xdp = xdp_detach(interface, ifindex, own);
    if (!xdp)
        return xdp;
    auto ingress = tc_detach(interface, ifindex, TcSide::ingress, own);
    if (!ingress)
        return ingress;
    auto egress = tc_detach(interface, ifindex, TcSide::egress, own);
    if (!egress)
        return egress;
    const bool found = *xdp || *ingress || *egress;
    if (!*ingress && !*egress)
        return found;
    return tc_remove_empty_clsact(interface, ifindex).map([&] { return found; });
}

// What XDP_TX sends out of a veth waits in its peer until something else comes, unless the peer
// carries XDP as well: the kernel wakes no other (drivers/net/veth.c, veth_xdp_flush()).
weir_xdp_mode device_mode(const std::string &interface, XdpMode mode) {
    if (mode == XdpMode::generic)
        return WEIR_XDP_GENERIC;
    return link_driver(interface) == "veth" ? WEIR_XDP_NO_TX : WEIR_XDP_NATIVE;
}

}  // namespace weir
