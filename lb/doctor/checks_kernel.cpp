// What the kernel offers, and what this process may do with it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "lb/cli/table.h"
#include "lb/daemon/preflight.h"
#include "lb/dataplane/flow_table.h"
#include "lb/doctor/checks.h"
#include "lb/model/ring.h"

namespace weir {
namespace {

constexpr KernelVersion kOldestKernel{6, 1};
// Since then maps are charged to the cgroup and not to RLIMIT_MEMLOCK.
constexpr KernelVersion kWithoutMemlock{5, 11};
// What libbpf would have to lock for the tables of the smallest configuration.
constexpr std::uint64_t kEnoughMemlock = std::uint64_t{1} << 30;

void check_jit(const HostFacts &host, Findings &findings) {
    if (!host.bpf_jit)
        findings.push_back({"bpf_jit", "", Severity::skip, "net.core.bpf_jit_enable is not shown",
                            "only the host's first network namespace shows it", ""});
    else if (*host.bpf_jit == 0)
        findings.push_back({"bpf_jit", "", Severity::fail, "net.core.bpf_jit_enable is 0",
                            "the programs are interpreted, several times slower",
                            sysctl_command("net/core/bpf_jit_enable", "1")});
    else
        findings.push_back({"bpf_jit", "", Severity::ok, "on", "", ""});
}

}  // namespace

void check_kernel(const Patient &patient, Findings &findings) {
    const auto &host = patient.host;
    if (host.kernel < kOldestKernel)
        findings.push_back({"kernel", "", Severity::fail, host.kernel_release,
                            "older than 6.1, the oldest that Weir is tested with",
                            "apt install linux-image-amd64"});
    else
        findings.push_back({"kernel", "", Severity::ok, host.kernel_release, "", ""});
    if (host.btf)
        findings.push_back({"btf", "", Severity::ok, "/sys/kernel/btf/vmlinux", "", ""});
    else
        findings.push_back({"btf", "", Severity::warn, "no /sys/kernel/btf/vmlinux",
                            "libxdp's dispatcher needs it: no other XDP program can share an "
                            "interface with Weir",
                            "apt install linux-image-amd64"});
    check_jit(host, findings);
    if (host.bpffs)
        findings.push_back({"bpffs", "", Severity::ok, "/sys/fs/bpf", "", ""});
    else
        findings.push_back({"bpffs", "", Severity::warn, "no BPF file system at /sys/fs/bpf",
                            "the tables are pinned there; `weir run` mounts it, if it may",
                            "mount -t bpf bpf /sys/fs/bpf"});
}

void check_privileges(const Patient &patient, Findings &findings) {
    const auto &host = patient.host;
    const auto missing = missing_capabilities(host.capabilities);
    if (missing.empty())
        findings.push_back({"capabilities", "", Severity::ok, "all that is needed", "", ""});
    else
        findings.push_back({"capabilities", "", Severity::fail,
                            fmt::format("without {}", fmt::join(missing, ", ")),
                            "whoever runs this cannot run Weir, and does not see everything",
                            "sudo weir doctor"});
    if (!(host.kernel < kWithoutMemlock))
        findings.push_back(
            {"memlock", "", Severity::ok, "tables do not count against RLIMIT_MEMLOCK", "", ""});
    else if (host.memlock && *host.memlock < kEnoughMemlock)
        findings.push_back({"memlock", "", Severity::warn,
                            fmt::format("RLIMIT_MEMLOCK is {}", format_bytes(*host.memlock)),
                            "the tables may not be made", "ulimit -l unlimited"});
    else
        findings.push_back({"memlock", "", Severity::ok, "enough", "", ""});
}

void check_memory(const Patient &patient, Findings &findings) {
    if (patient.config == nullptr)
        return;
    const auto &limits = patient.config->limits;
    const auto &instances = patient.host.instances;
    const bool there = std::any_of(instances.begin(), instances.end(), [&](const auto &one) {
        return one.name == patient.config->instance;
    });
    // the flow tables are made once; a ring beside the one that it takes the place of
    std::uint64_t needed = there ? 0 : flow_tables_bytes(limits);
    for (const auto &service : patient.config->services)
        needed += std::uint64_t{ring_slots(service)} * sizeof(std::uint32_t);
    const auto found =
        fmt::format("`limits` and rings take {} of {} available", format_bytes(needed),
                    format_bytes(patient.host.memory_available));
    constexpr const char *kRemedy = "lower limits.flows and limits.new_flows, or ring_size";
    if (needed > patient.host.memory_available)
        findings.push_back(
            {"memory", "", Severity::fail, found, "the tables cannot be made", kRemedy});
    else if (needed > patient.host.memory_available / 2)
        findings.push_back({"memory", "", Severity::warn, found,
                            "the tables take more than half of what is left", kRemedy});
    else
        findings.push_back({"memory", "", Severity::ok, found, "", ""});
}

// A CPU takes its free entries from an LRU table 128 at a time, and keeps them: before 6.16, which
// scales that to the table, others then evict flows from a table that is almost empty
// (kernel/bpf/bpf_lru_list.c, LOCAL_FREE_TARGET).
void check_flow_tables(const Patient &patient, Findings &findings) {
    constexpr KernelVersion kScales{6, 16};
    constexpr std::uint32_t kPerCpu = 256;
    if (patient.config == nullptr)
        return;
    const auto &limits = patient.config->limits;
    const auto least = kPerCpu * patient.host.cpus;
    const auto found = fmt::format("flows: {}, new_flows: {}, CPUs: {}", limits.flows,
                                   limits.new_flows, patient.host.cpus);
    if (patient.host.kernel < kScales && std::min(limits.flows, limits.new_flows) < least)
        findings.push_back({"flow_tables", "", Severity::warn, found,
                            "before Linux 6.16, CPUs keep free entries to themselves: flows are "
                            "evicted from so small a table long before it is full",
                            fmt::format("raise limits.flows and limits.new_flows to {}", least)});
    else
        findings.push_back({"flow_tables", "", Severity::ok, found, "", ""});
}

void check_conntrack(const Patient &patient, Findings &findings) {
    const auto &conntrack = patient.host.conntrack;
    if (!conntrack) {
        findings.push_back({"conntrack", "", Severity::ok, "not loaded", "", ""});
        return;
    }
    const std::uint64_t wanted =
        patient.config == nullptr ? Limits{}.flows : patient.config->limits.flows;
    const auto found =
        fmt::format("nf_conntrack holds {} of {}", conntrack->count, conntrack->most);
    if (conntrack->most < wanted)
        findings.push_back(
            {"conntrack", "", Severity::warn, found,
             "what Weir leaves to the kernel is tracked there, and dropped when "
             "that table is full; Weir's own holds more",
             sysctl_command("net/netfilter/nf_conntrack_max", std::to_string(wanted))});
    else
        findings.push_back({"conntrack", "", Severity::ok, found, "", ""});
}

void check_instances(const Patient &patient, Findings &findings) {
    bool running = false;
    for (const auto &instance : patient.host.instances) {
        if (instance.daemon)
            findings.push_back({"pins", instance.name, Severity::ok, "its daemon runs", "", ""});
        else
            findings.push_back({"pins", instance.name, Severity::warn,
                                "a data path without a daemon",
                                "packets go on, but nothing checks backends or takes changes: "
                                "start its daemon, or take it off",
                                "weir detach --instance " + instance.name});
        if (patient.config != nullptr && instance.name == patient.config->instance)
            running = instance.daemon;
    }
    if (patient.config == nullptr)
        return;
    const auto &path = patient.config->api_socket;
    if (patient.host.api_socket == SocketFound::other_file)
        findings.push_back({"api_socket", path, Severity::fail, "a file that is no socket",
                            "the daemon does not start", "rm " + path});
    else if (patient.host.api_socket == SocketFound::served && !running)
        findings.push_back({"api_socket", path, Severity::fail, "another program answers there",
                            "the daemon does not start: stop that one, or set api.socket",
                            "ss -lxp src " + path});
    else
        findings.push_back(
            {"api_socket", path, Severity::ok, running ? "the daemon answers" : "free", "", ""});
}

}  // namespace weir
