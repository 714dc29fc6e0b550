#include "lb/dataplane/attach.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <memory>

#include "lb/dataplane/library_log.h"
#include "lb/dataplane/link.h"
#include "lb/dataplane/standing.h"
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

Result<void> attach_xdp(Objects &objects, const AttachedInterface &to, const OwnPrograms &own) {
    return xdp_attach(objects, to.name, to.ifindex, to.xdp_mode, own).and_then([&] {
        return objects.tables().set_xdp_device(to.ifindex, device_mode(to.name, to.xdp_mode));
    });
}

Result<void> leave_xdp(Objects &objects, const AttachedInterface &to, const OwnPrograms &own) {
    // first, so that XDP elsewhere does not send to where it is about to end
    return objects.tables()
        .remove_xdp_device(to.ifindex)
        .and_then([&] { return xdp_detach(to.name, to.ifindex, own); })
        .map([](bool) {});
}

}  // namespace

// On every interface: XDP passes what it leaves to TC ingress.
Result<void> attach_tc(Objects &objects, const AttachedInterface &to, const OwnPrograms &own,
                       TcPlace place) {
    const auto attach_to = [&](TcSide side, int program) -> Result<void> {
        // every change wakes who follows the host's links, this daemon among them
        if (tc_holds(to.ifindex, side, program))
            return {};
        const bool front = place == TcPlace::front && tc_program(to.ifindex, side, own);
        return tc_attach(to.name, to.ifindex, side, program, own,
                         front ? TcPlace::front : TcPlace::usual);
    };
    return attach_to(TcSide::egress, objects.tc_egress()).and_then([&] {
        return attach_to(TcSide::ingress, objects.tc_ingress());
    });
}

Result<AttachedInterface> attach_one(Objects &objects, const InterfaceConfig &wanted,
                                     const std::string &config_file, const OwnPrograms &own,
                                     TcPlace place) {
    AttachedInterface attached;
    attached.name = wanted.name;
    attached.xdp_mode = wanted.xdp_mode;
    attached.ifindex = if_nametoindex(wanted.name.c_str());
    if (attached.ifindex == 0) {
        attached.state = InterfaceState::absent;
        attached.hook = wanted.hook;
        return attached;
    }
    if (!link_is_ethernet(wanted.name))
        return fail(Exit::refused, fmt::format("{}: interface {} is no Ethernet interface",
                                               weir::place(config_file, wanted.mark), wanted.name));
    choose_hook(wanted, attached);

    if (auto done = attach_tc(objects, attached, own, place); !done)
        return tl::make_unexpected(done.error());
    if (attached.hook == Hook::xdp) {
        const auto done = attach_xdp(objects, attached, own);
        if (!done && wanted.hook != Hook::automatic)
            return tl::make_unexpected(done.error());
        attached.xdp_program = xdp_program_on(attached.ifindex);
        if (done)
            return attached;
        attached.reason += "; no XDP: " + done.error().message;
        attached.hook = Hook::tc;
    }
    return leave_xdp(objects, attached, own).map([&] { return attached; });
}

Result<std::vector<AttachedInterface>> attach_all(Objects &objects,
                                                  const std::vector<InterfaceConfig> &interfaces,
                                                  const std::string &config_file,
                                                  const OwnPrograms &own, TcPlace tc_place) {
    const auto standing = Standing::read(interfaces, own);
    // First those where nothing of this instance is yet: they may refuse, and nothing has changed.
    std::vector<InterfaceConfig> ordered = interfaces;
    std::stable_partition(ordered.begin(), ordered.end(),
                          [&](const InterfaceConfig &one) { return !standing.has(one.name); });
    std::vector<AttachedInterface> attached;
    for (const InterfaceConfig &wanted : ordered) {
        auto one = attach_one(objects, wanted, config_file, own, tc_place);
        if (!one) {
            standing.put_back(objects, own);
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
    return attached;
}

bool is_whole(const Objects &objects, const AttachedInterface &attached) {
    return tc_holds(attached.ifindex, TcSide::ingress, objects.tc_ingress()) &&
           tc_holds(attached.ifindex, TcSide::egress, objects.tc_egress()) &&
           (attached.hook != Hook::xdp ||
            xdp_is_there(attached.ifindex, attached.xdp_program, objects.own_programs()));
}

bool is_attached_anywhere(const Objects &objects) {
    const auto own = objects.own_programs();
    const std::unique_ptr<struct if_nameindex, NameIndexDeleter> interfaces(::if_nameindex());
    for (const struct if_nameindex *one = interfaces.get(); one != nullptr && one->if_index != 0;
         ++one)
        if (tc_is_attached(one->if_index, TcSide::ingress, own) ||
            tc_is_attached(one->if_index, TcSide::egress, own) ||
            xdp_is_attached(one->if_index, own))
            return true;
    return false;
}

Result<std::vector<std::string>> detach_all(const OwnPrograms &own,
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
        const auto found = take_off(one->if_name, one->if_index, own);
        if (!found)
            return tl::make_unexpected(found.error());
        if (*found)
            names.emplace_back(one->if_name);
    }
    return names;
}

}  // namespace weir
