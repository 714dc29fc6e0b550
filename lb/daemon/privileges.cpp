#include "lb/daemon/privileges.h"

#include <fmt/format.h>
#include <linux/securebits.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <type_traits>

namespace weir {
namespace {

constexpr std::array<cap_value_t, 4> kKept{CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON, CAP_NET_RAW};
// Root is a user like others when it executes a program, and ambient capabilities stay away.
constexpr unsigned kSecureBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
                                 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

struct CapabilitiesDeleter {
    void operator()(std::remove_pointer_t<cap_t> *capabilities) const { cap_free(capabilities); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, CapabilitiesDeleter>;

bool is_kept(cap_value_t capability) {
    return std::find(kKept.begin(), kKept.end(), capability) != kKept.end();
}

bool cut_bounding_set() {
    for (cap_value_t one = 0; one < cap_max_bits(); ++one)
        if (!is_kept(one) && cap_get_bound(one) == 1 && cap_drop_bound(one) != 0)
            return false;
    return true;
}

bool set_secure_bits() {
    const unsigned now = cap_get_secbits();
    return (now & kSecureBits) == kSecureBits || cap_set_secbits(now | kSecureBits) == 0;
}

// Those of kKept that are there stay, and nothing else.
bool keep_only() {
    const Capabilities now(cap_get_proc());
    const Capabilities wanted(cap_init());
    for (const cap_value_t one : kKept) {
        cap_flag_value_t has = CAP_CLEAR;
        cap_get_flag(now.get(), one, CAP_PERMITTED, &has);
        cap_set_flag(wanted.get(), CAP_PERMITTED, 1, &one, has);
        cap_set_flag(wanted.get(), CAP_EFFECTIVE, 1, &one, has);
    }
    return cap_set_proc(wanted.get()) == 0;
}

}  // namespace

const std::vector<std::string> &kept_capabilities() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const cap_value_t one : kKept) {
            const std::unique_ptr<char, int (*)(void *)> name(cap_to_name(one), cap_free);
            all.emplace_back(name.get());
        }
        return all;
    }();
    return names;
}

std::vector<std::string> drop_privileges() {
    std::vector<std::string> undone;
    if (!cut_bounding_set())
        undone.emplace_back("the capability bounding set stays as it is: CAP_SETPCAP is missing");
    if (!set_secure_bits())
        undone.emplace_back(
            "programs that root executes may gain capabilities: CAP_SETPCAP is "
            "missing");
    if (cap_reset_ambient() != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !keep_only())
        undone.push_back(fmt::format("cannot drop privileges: {}", std::strerror(errno)));
    return undone;
}

}  // namespace weir
