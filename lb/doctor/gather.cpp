#include "lb/doctor/gather.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>

#include "lb/daemon/preflight.h"
#include "lb/dataplane/fd.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

constexpr const char *kBpffs = "/sys/fs/bpf";

void gather_kernel(HostFacts &facts) {
    utsname name{};
    uname(&name);
    facts.kernel_release = name.release;
    std::sscanf(name.release, "%d.%d", &facts.kernel.major, &facts.kernel.minor);
    facts.btf = ::access("/sys/kernel/btf/vmlinux", F_OK) == 0;
    facts.bpf_jit = read_setting("net/core/bpf_jit_enable");
    struct statfs found {};
    facts.bpffs = statfs(kBpffs, &found) == 0 && found.f_type == BPF_FS_MAGIC;
    facts.cpus = static_cast<unsigned>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    facts.capabilities = effective_capabilities();
    rlimit limit{};
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        facts.memlock = limit.rlim_cur;
}

// "MemAvailable:   12345 kB"
std::uint64_t available_memory() {
    std::ifstream file("/proc/meminfo");
    std::string key;
    std::uint64_t kilobytes = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        if (words >> key >> kilobytes && key == "MemAvailable:")
            return kilobytes * 1024;
    }
    return 0;
}

void gather_settings(HostFacts &facts) {
    facts.memory_available = available_memory();
    facts.forwarding_v4 = read_setting("net/ipv4/ip_forward");
    facts.forwarding_v6 = read_setting("net/ipv6/conf/all/forwarding");
    facts.rp_filter_all = read_setting("net/ipv4/conf/all/rp_filter").value_or(0);
    const auto most = read_setting("net/netfilter/nf_conntrack_max");
    const auto count = read_setting("net/netfilter/nf_conntrack_count");
    if (most && count)
        facts.conntrack =
            Conntrack{static_cast<std::uint64_t>(*most), static_cast<std::uint64_t>(*count)};
    std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
    range >> facts.local_ports.first >> facts.local_ports.last;
    facts.reserved_ports = read_reserved_ports().value_or(PortSet());
    facts.reserved_ports_writable = may_reserve_ports();
    facts.sockets = open_sockets();
}

// The address, or mask, that a sockaddr of either family holds.
std::span<const std::uint8_t> bytes_of(const sockaddr *from) {
    if (from->sa_family == AF_INET)
        return {reinterpret_cast<const std::uint8_t *>(
                    &reinterpret_cast<const sockaddr_in *>(from)->sin_addr),
                4};
    return {reinterpret_cast<const sockaddr_in6 *>(from)->sin6_addr.s6_addr, 16};
}

HostAddress to_address(const ifaddrs &from) {
    const auto bytes = bytes_of(from.ifa_addr);
    HostAddress one;
    if (bytes.size() == 4) {
        one.address = Address::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
    } else {
        std::array<std::uint8_t, 16> all{};
        std::copy(bytes.begin(), bytes.end(), all.begin());
        one.address = Address(all);
    }
    if (from.ifa_netmask != nullptr)
        for (const auto byte : bytes_of(from.ifa_netmask))
            one.prefix = static_cast<std::uint8_t>(one.prefix + std::popcount(byte));
    one.interface = from.ifa_name;
    return one;
}

struct ListDeleter {
    void operator()(ifaddrs *list) const { freeifaddrs(list); }
};

Result<void> gather_addresses(HostFacts &facts) {
    ifaddrs *found = nullptr;
    if (getifaddrs(&found) != 0)
        return fail(Exit::refused, fmt::format("the kernel does not list this host's addresses: {}",
                                               std::strerror(errno)));
    const std::unique_ptr<ifaddrs, ListDeleter> list(found);
    for (const ifaddrs *one = list.get(); one != nullptr; one = one->ifa_next)
        if (one->ifa_addr != nullptr &&
            (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6))
            facts.addresses.push_back(to_address(*one));
    return {};
}

// A daemon holds the lock of its instance's folder (lb/dataplane/pins.h).
void gather_instances(HostFacts &facts) {
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(fs::path(kBpffs) / "weir", ignored)) {
        if (!entry.is_directory(ignored) || fs::is_empty(entry.path(), ignored))
            continue;
        const Fd folder(::open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        const bool locked = flock(folder.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        facts.instances.push_back({entry.path().filename().string(), locked});
    }
    std::sort(facts.instances.begin(), facts.instances.end(),
              [](const auto &a, const auto &b) { return a.name < b.name; });
}

SocketFound look_at(const std::string &path) {
    struct stat seen {};
    if (::lstat(path.c_str(), &seen) != 0)
        return SocketFound::free;
    sockaddr_un address{};
    if (!S_ISSOCK(seen.st_mode) || path.size() >= sizeof address.sun_path)
        return SocketFound::other_file;
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const bool refused = ::connect(socket.get(), reinterpret_cast<const sockaddr *>(&address),
                                   sizeof address) != 0 &&
                         errno == ECONNREFUSED;
    return refused ? SocketFound::stale : SocketFound::served;
}

}  // namespace

std::optional<int> read_setting(const std::string &path) {
    std::ifstream file("/proc/sys/" + path);
    int value = 0;
    return file >> value ? std::optional(value) : std::nullopt;
}

Result<HostFacts> gather(const Config *config) {
    HostFacts facts;
    gather_kernel(facts);
    gather_settings(facts);
    gather_instances(facts);
    auto done = gather_addresses(facts);
    if (done && config != nullptr) {
        facts.api_socket = look_at(config->api_socket);
        gather_sockets(*config, facts);
        done = gather_links(*config, facts).and_then([&] { return gather_routes(*config, facts); });
    }
    if (!done)
        return tl::make_unexpected(done.error());
    return facts;
}

}  // namespace weir
