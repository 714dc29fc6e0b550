#include "lb/daemon/interfaces.h"

#include <fmt/format.h>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "lb/daemon/log.h"
#include "lb/dataplane/link.h"
#include "lb/dataplane/program_ids.h"
#include "lb/dataplane/standing.h"

namespace weir {

namespace {

std::string how(const AttachedInterface &attached) {
    return attached.hook == Hook::xdp ? fmt::format("xdp {}", to_string(attached.xdp_mode))
                                      : std::string(to_string(attached.hook));
}

}  // namespace

Result<void> Interfaces::attach(Objects &objects, const Config &config, const OwnPrograms &own,
                                TcPlace place) {
    auto attached = attach_all(objects, config.interfaces, config.file, own, place);
    if (!attached)
        return tl::make_unexpected(attached.error());
    list_ = std::move(*attached);
    for (const AttachedInterface &one : list_) {
        if (one.state == InterfaceState::absent)
            note_change(LogLevel::warn, one.name, " does not exist: waiting for it");
        else
            note_mtu(one.name);
    }
    return {};
}

Result<void> Interfaces::take_place(Objects &objects, const OwnPrograms &own) const {
    for (const AttachedInterface &one : list_)
        if (one.state == InterfaceState::attached)
            if (auto done = attach_tc(objects, one, own); !done)
                return done;
    return {};
}

Result<void> Interfaces::leave_others(Objects &objects, const OwnPrograms &own) const {
    // first, so that XDP elsewhere does not send to where it is about to end
    return objects.tables()
        .keep_xdp_devices(list_)
        .and_then([&] { return detach_all(own, list_); })
        .map([](const auto &) {});
}

bool Interfaces::look_after(Objects &objects, const Config &config) {
    bool changed = false;
    for (const InterfaceConfig &wanted : config.interfaces) {
        const auto found =
            std::find_if(list_.begin(), list_.end(),
                         [&](const AttachedInterface &one) { return one.name == wanted.name; });
        if (found != list_.end() && look_after_one(objects, wanted, config.file, *found))
            changed = true;
    }
    return changed;
}

bool Interfaces::look_after_one(Objects &objects, const InterfaceConfig &wanted,
                                const std::string &file, AttachedInterface &is) {
    const unsigned ifindex = if_nametoindex(wanted.name.c_str());
    const bool was_attached = is.state == InterfaceState::attached;
    if (was_attached && is.ifindex == ifindex) {
        note_mtu(wanted.name);
        if (is_whole(objects, is))
            return false;
        note_change(LogLevel::warn, is.name, ": somebody took the programs off: putting them back");
        return attach_again(objects, wanted, file, is);
    }
    if (was_attached)
        let_go(objects, is);
    if (ifindex != 0)
        return attach_again(objects, wanted, file, is);
    if (is.state == InterfaceState::absent)
        return false;
    note_change(LogLevel::warn, is.name, " has gone: waiting for it");
    is = {wanted.name, 0, wanted.hook, wanted.xdp_mode, "", InterfaceState::absent};
    return true;
}

// It may live on under another name.
void Interfaces::let_go(Objects &objects, const AttachedInterface &gone) {
    if (const auto removed = objects.tables().remove_xdp_device(gone.ifindex); !removed)
        spdlog::warn("{}", removed.error().message);
    std::array<char, IF_NAMESIZE> name{};
    if (if_indextoname(gone.ifindex, name.data()) == nullptr)
        return;
    const auto off = take_off(name.data(), gone.ifindex, objects.own_programs());
    if (!off)
        spdlog::warn("{}", off.error().message);
}

bool Interfaces::attach_again(Objects &objects, const InterfaceConfig &wanted,
                              const std::string &file, AttachedInterface &is) {
    auto done = attach_one(objects, wanted, file, objects.own_programs());
    if (done && done->state == InterfaceState::attached) {
        is = std::move(*done);
        note_change(LogLevel::info, is.name, fmt::format(": attached ({})", how(is)));
        return true;
    }
    // one that is gone again is for the next look
    const std::string why = done ? "" : done.error().message;
    if (done || (is.state == InterfaceState::refused && is.reason == why))
        return false;
    is = {wanted.name, if_nametoindex(wanted.name.c_str()),
          wanted.hook, wanted.xdp_mode,
          why,         InterfaceState::refused};
    note(*notices_, {NoticeKind::interface, LogLevel::error, why, "", "", is.name});
    return true;
}

void Interfaces::note_mtu(const std::string &name) {
    const unsigned mtu = link_mtu(name);
    unsigned &known = mtus_[name];
    if (mtu != 0 && known != 0 && mtu != known)
        note_change(LogLevel::info, name, fmt::format(": its MTU was {} and is {}", known, mtu));
    if (mtu != 0)
        known = mtu;
}

void Interfaces::note_change(LogLevel severity, const std::string &name, const std::string &what) {
    note(*notices_, {NoticeKind::interface, severity, "interface " + name + what, "", "", name});
}

}  // namespace weir
