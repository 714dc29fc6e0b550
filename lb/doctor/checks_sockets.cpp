// What the socket path needs: cgroup v2, and a kernel that ends sockets.
#include <fmt/format.h>

#include <filesystem>

#include "lb/doctor/checks.h"

namespace weir {
namespace {

// Beside v1, /sys/fs/cgroup is a tmpfs that holds the hierarchies of v1.
std::string mount_command(const SocketFacts &facts) {
    return facts.cgroup_v1 ? "mkdir -p /sys/fs/cgroup/unified && "
                             "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified"
                           : "mount -t cgroup2 cgroup2 /sys/fs/cgroup";
}

// systemd makes the cgroup of a unit when that starts.
std::string make_command(const std::string &cgroup) {
    const std::filesystem::path path(cgroup);
    const auto kind = path.extension();
    return kind == ".service" || kind == ".slice" || kind == ".scope"
               ? "systemctl start " + path.filename().string()
               : "mkdir -p " + cgroup;
}

void check_cgroup(const SocketFacts &facts, Findings &findings) {
    if (facts.cgroup_mount.empty())
        findings.push_back({"cgroup", "", Severity::fail, "cgroup v2 is not mounted",
                            "the programs of `sockets` are put on a cgroup: weir does not start",
                            mount_command(facts)});
    else
        findings.push_back({"cgroup", "", Severity::ok, "v2 at " + facts.cgroup_mount, "", ""});
    if (facts.cgroup.empty())
        return;
    if (!facts.trouble.empty())
        findings.push_back({"cgroup", facts.cgroup, Severity::fail, facts.trouble,
                            "weir does not start",
                            "set sockets.cgroup to a folder below " + facts.cgroup_mount});
    else if (!facts.exists)
        findings.push_back({"missing_cgroup", facts.cgroup, Severity::warn, "does not exist",
                            "weir waits for it; until then its programs reach no service at their "
                            "sockets",
                            make_command(facts.cgroup)});
    else
        findings.push_back({"missing_cgroup", facts.cgroup, Severity::ok, "exists", "", ""});
}

}  // namespace

void check_sockets(const Patient &patient, Findings &findings) {
    const auto &facts = patient.host.socket_path;
    if (!facts)
        return;
    check_cgroup(*facts, findings);
    if (!facts->ends_sockets)
        findings.push_back({"end_sockets", "", Severity::skip, "the kernel does not say",
                            "it takes CAP_NET_ADMIN to ask", ""});
    else if (!*facts->ends_sockets)
        findings.push_back({"end_sockets", "", Severity::warn,
                            "the kernel was built without CONFIG_INET_DIAG_DESTROY",
                            "programs hang on connections to a backend that is gone, whatever "
                            "`on_down` says",
                            "apt install linux-image-amd64"});
    else
        findings.push_back({"end_sockets", "", Severity::ok, "CONFIG_INET_DIAG_DESTROY", "", ""});
}

}  // namespace weir
