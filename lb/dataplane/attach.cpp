#include "lb/dataplane/attach.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <memory>

#include "lb/dataplane/library_log.h"
#include "lb/dataplane/link.h"
#include "lb/dataplane/tc_link.h"
#include "lb/dataplane/xdp_link.h"

namespace weir {

namespace {

struct NameIndexDeleter {
    void operator()(struct if_nameindex *list) const { if_freenameindex(list); }
};

// `auto`: decided by the driver.
void choose_hook(const InterfaceConfig &wanted, AttachedInterface &attached) {
    const std::string driver = link_driver(wanted.name);
    attached.hook = wanted.hook;
    if (wanted.hook == Hook::xdp && driver == "veth")
        attached.reason = "veth: its peer needs GRO on (ethtool -K PEER gro on) or an XDP program";
    if (wanted.hook != Hook::automatic)
        return;
    const bool offloading = hands_over_offloaded_packets(driver);
    attached.hook = offloading ? Hook::tc : Hook::xdp;
    attached.reason =
        driver.empty()
            ? std::string("the interface names no driver")
            : fmt::format("driver {}{}", driver, offloading ? " hands over offloaded packets" : "");
}

Result<void> take_off(const std::string &name, unsigned ifindex, std::uint32_t flows_map_id,
                      bool &found) {
    const auto xdp = xdp_detach(name, ifindex, flows_map_id);
    if (!xdp)
        return tl::make_unexpected(xdp.error());
    const auto ingress = tc_detach(name, ifindex, TcSide::ingress, flows_map_id);
    if (!ingress)
        return tl::make_unexpected(ingress.error());
    const auto egress = tc_detach(name, ifindex, TcSide::egress, flows_map_id);
    if (!egress)
        return tl::make_unexpected(egress.error());
    found = *xdp || *ingress || *egress;
    if (*ingress || *egress)
        return tc_remove_empty_clsact(name, ifindex);
    return {};
}

bool is_attached(const std::string &name, std::uint32_t flows_map_id) {
    const unsigned ifindex = if_nametoindex(name.c_str());
    return ifindex != 0 && (xdp_is_attached(ifindex, flows_map_id) ||
                            tc_is_attached(ifindex, TcSide::egress, flows_map_id));
}

// What XDP_TX sends out of a veth waits in its peer until something else comes, unless the peer
// carries XDP as well: the kernel wakes no other (drivers/net/veth.c, veth_xdp_flush()).
weir_xdp_mode device_mode(const AttachedInterface &to) {
    if (to.xdp_mode == XdpMode::generic)
        return WEIR_XDP_GENERIC;
    return link_driver(to.name) == "veth" ? WEIR_XDP_NO_TX : WEIR_XDP_NATIVE;
}

Result<void> attach_xdp(Objects &objects, const AttachedInterface &to, std::uint32_t flows_map_id) {
    return xdp_attach(objects, to.name, to.ifindex, to.xdp_mode, flows_map_id).and_then([&] {
        return objects.tables().set_xdp_device(to.ifindex, device_mode(to));
    });
}

Result<void> leave_xdp(Objects &objects, const AttachedInterface &to, std::uint32_t flows_map_id) {
    // first, so that XDP elsewhere does not send to where it is about to end
    return objects.tables()
        .remove_xdp_device(to.ifindex)
        .and_then([&] { return xdp_detach(to.name, to.ifindex, flows_map_id); })
        .map([](bool) {});
}

// On every interface: XDP passes what it leaves to TC ingress.
Result<void> attach_tc(Objects &objects, const AttachedInterface &to, std::uint32_t flows_map_id) {
    return tc_attach(to.name, to.ifindex, TcSide::egress, objects.tc_egress(), flows_map_id)
        .and_then([&] {
            return tc_attach(to.name, to.ifindex, TcSide::ingress, objects.tc_ingress(),
                             flows_map_id);
        });
}

Result<AttachedInterface> attach_one(Objects &objects, const InterfaceConfig &wanted,
                                     const std::string &file, std::uint32_t flows_map_id) {
    AttachedInterface attached;
    attached.name = wanted.name;
    attached.xdp_mode = wanted.xdp_mode;
    attached.ifindex = if_nametoindex(wanted.name.c_str());
    if (attached.ifindex == 0)
        return fail(Exit::refused, fmt::format("{}: interface {} does not exist",
                                               place(file, wanted.mark), wanted.name));
    if (!link_is_ethernet(wanted.name))
        return fail(Exit::refused, fmt::format("{}: interface {} is no Ethernet interface",
                                               place(file, wanted.mark), wanted.name));
    choose_hook(wanted, attached);

    if (auto done = attach_tc(objects, attached, flows_map_id); !done)
        return tl::make_unexpected(done.error());
    if (attached.hook == Hook::xdp) {
        const auto done = attach_xdp(objects, attached, flows_map_id);
        if (!done && wanted.hook != Hook::automatic)
            return tl::make_unexpected(done.error());
        if (done)
            return attached;
        attached.reason += "; no XDP: " + done.error().message;
        attached.hook = Hook::tc;
    }
    return leave_xdp(objects, attached, flows_map_id).map([&] { return attached; });
}

// Takes off what was put where nothing of this instance was before.
void roll_back(Objects &objects, const std::vector<InterfaceConfig> &fresh,
               std::uint32_t flows_map_id) {
    for (const InterfaceConfig &one : fresh) {
        const unsigned ifindex = if_nametoindex(one.name.c_str());
        if (ifindex == 0)
            continue;
        bool ignored = false;
        static_cast<void>(objects.tables().remove_xdp_device(ifindex));
        static_cast<void>(take_off(one.name, ifindex, flows_map_id, ignored));
        // also the qdisc that was made for a filter which was then refused
        static_cast<void>(tc_remove_empty_clsact(one.name, ifindex));
    }
}

}  // namespace

Result<std::vector<AttachedInterface>> attach_all(Objects &objects,
                                                  const std::vector<InterfaceConfig> &interfaces,
                                                  const std::string &config_file) {
    const std::uint32_t flows = map_id_of(objects.tables().flows_map());
    // First those where nothing of this instance is yet: libxdp wants to load the XDP program
    // itself, and replacing an earlier one loads it without.
    std::vector<InterfaceConfig> ordered = interfaces;
    const auto old = std::stable_partition(
        ordered.begin(), ordered.end(),
        [&](const InterfaceConfig &one) { return !is_attached(one.name, flows); });
    const std::vector<InterfaceConfig> fresh(ordered.begin(), old);

    std::vector<AttachedInterface> attached;
    for (const InterfaceConfig &wanted : ordered) {
        auto one = attach_one(objects, wanted, config_file, flows);
        if (!one) {
            roll_back(objects, fresh, flows);
            return tl::make_unexpected(one.error());
        }
        attached.push_back(std::move(*one));
    }
    std::sort(attached.begin(), attached.end(), [&](const auto &a, const auto &b) {
        const auto place = [&](const AttachedInterface &of) {
            return std::find_if(interfaces.begin(), interfaces.end(),
                                [&](const auto &one) { return one.name == of.name; });
        };
        return place(a) < place(b);
    });
    if (auto kept = objects.tables().keep_xdp_devices(attached); !kept)
        return tl::make_unexpected(kept.error());
    return attached;
}

Result<std::vector<std::string>> detach_all(std::uint32_t flows_map_id,
                                            const std::vector<AttachedInterface> &keep) {
    route_library_logs();
    const std::unique_ptr<struct if_nameindex, NameIndexDeleter> interfaces(::if_nameindex());
    std::vector<std::string> names;
    for (const struct if_nameindex *one = interfaces.get(); one != nullptr && one->if_index != 0;
         ++one) {
        const bool kept = std::any_of(keep.begin(), keep.end(), [&](const auto &interface) {
            return interface.ifindex == one->if_index;
        });
        if (kept)
            continue;
        bool found = false;
        if (auto off = take_off(one->if_name, one->if_index, flows_map_id, found); !off)
            return tl::make_unexpected(off.error());
        if (found)
            names.emplace_back(one->if_name);
    }
    return names;
}

}  // namespace weir
