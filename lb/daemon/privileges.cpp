#include "lb/daemon/privileges.h"

#include <fmt/format.h>
#include <linux/securebits.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <type_traits>

namespace weir {
namespace {

constexpr std::array<cap_value_t, 4> kEffective{CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON, CAP_NET_RAW};
constexpr std::array<cap_value_t, 1> kPermitted{CAP_SYS_ADMIN};  // beside them
// Root is a user like others when it executes a program, and ambient capabilities stay away.
constexpr unsigned kSecureBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
                                 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

struct CapabilitiesDeleter {
    void operator()(std::remove_pointer_t<cap_t> *capabilities) const { cap_free(capabilities); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, CapabilitiesDeleter>;

bool empty_bounding_set() {
    for (cap_value_t one = 0; one < cap_max_bits(); ++one)
        if (cap_get_bound(one) == 1 && cap_drop_bound(one) != 0)
            return false;
    return true;
}

bool set_secure_bits() {
    const unsigned now = cap_get_secbits();
    return (now & kSecureBits) == kSecureBits || cap_set_secbits(now | kSecureBits) == 0;
}

// Those that are there stay, and nothing else.
bool keep_only() {
    const Capabilities now(cap_get_proc());
    const Capabilities wanted(cap_init());
    const auto keep = [&](cap_value_t one, cap_flag_t set) {
        cap_flag_value_t has = CAP_CLEAR;
        cap_get_flag(now.get(), one, CAP_PERMITTED, &has);
        cap_set_flag(wanted.get(), set, 1, &one, has);
    };
    for (const cap_value_t one : kEffective) {
        keep(one, CAP_PERMITTED);
        keep(one, CAP_EFFECTIVE);
    }
    for (const cap_value_t one : kPermitted)
        keep(one, CAP_PERMITTED);
    return cap_set_proc(wanted.get()) == 0;
}

bool set_administrator(cap_flag_value_t value) {
    const Capabilities now(cap_get_proc());
    cap_flag_value_t is = CAP_CLEAR;
    cap_get_flag(now.get(), CAP_SYS_ADMIN, CAP_EFFECTIVE, &is);
    return is != value &&
           cap_set_flag(now.get(), CAP_EFFECTIVE, 1, kPermitted.data(), value) == 0 &&
           cap_set_proc(now.get()) == 0;
}

}  // namespace

AsAdministrator::AsAdministrator() : raised_(set_administrator(CAP_SET)) {}

AsAdministrator::~AsAdministrator() {
    if (raised_)
        set_administrator(CAP_CLEAR);
}

std::vector<std::string> drop_privileges() {
    std::vector<std::string> undone;
    if (!empty_bounding_set())
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
