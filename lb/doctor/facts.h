// What the doctor knows of a host: plain values, gathered by gather.h, judged by checks.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lb/dataplane/reserved_ports.h"
#include "lb/net/address.h"
#include "lb/net/port_set.h"

namespace weir {

// A feature of an interface, as `ethtool -k` lists it.
struct LinkFeature {
    bool on = false;
    bool fixed = false;  // ethtool cannot change it
};

struct LinkFacts {
    std::string name;
    bool exists = false;
    bool up = false;
    unsigned mtu = 0;        // bytes, of an IP packet
    std::string driver{};    // empty: none is named
    bool takes_xdp = false;  // native, by the hook that is configured and the driver
    // By the kernel's names ("rx-lro"). Those that the device does not have are off and fixed.
    std::map<std::string, LinkFeature> features{};
    // The same of the other end of a veth, by its name here; none: no veth, or in another
    // namespace.
    std::optional<std::string> peer{};
    std::map<std::string, LinkFeature> peer_features{};
    bool peer_has_xdp = false;
    std::optional<bool> native_xdp{};  // what the driver says (kernel 6.3); none: it says nothing
    unsigned rx_queues = 0;            // in use; 0: not told
    unsigned most_rx_queues = 0;
    bool combined_queues = true;       // ethtool's word for them: combined, or rx
    std::vector<std::string> vlans{};  // VLAN interfaces upon it
    // Below net.ipv4.conf and net.ipv6.conf; none: no such setting.
    std::optional<int> rp_filter{};
    std::optional<int> forwarding_v4{};
    std::optional<int> forwarding_v6{};
};

struct HostAddress {
    Address address;
    std::uint8_t prefix = 0;  // bits
    std::string interface;
};

enum class Neighbour { none, resolved, failed };  // none: nobody has asked yet

// How this host reaches a backend.
struct Route {
    Address to;
    std::string interface;  // empty: no route
    bool local = false;     // an address of this host
    std::optional<Address> gateway{};
    Neighbour neighbour = Neighbour::none;  // of the gateway, or of `to`
};

struct InstanceFacts {
    std::string name;
    bool daemon = false;  // one works on it
};

enum class SocketFound { free, stale, served, other_file };  // stale: a socket that nobody serves

// What `sockets` needs.
struct SocketFacts {
    std::string cgroup_mount{};  // of cgroup v2; empty: it is mounted nowhere
    bool cgroup_v1 = false;      // that has /sys/fs/cgroup
    std::string cgroup{};        // the path of the one that is configured
    bool exists = false;
    std::string trouble{};               // why it cannot be opened; empty: it can
    std::optional<bool> ends_sockets{};  // the kernel can end them; none: it does not say
};

struct Conntrack {
    std::uint64_t most = 0;
    std::uint64_t count = 0;
};

struct KernelVersion {
    int major = 0;
    int minor = 0;

    auto operator<=>(const KernelVersion &) const = default;
};

struct HostFacts {
    KernelVersion kernel;
    std::string kernel_release;
    bool btf = false;
    bool bpffs = false;
    std::optional<int> bpf_jit;  // none: not shown in this network namespace
    unsigned cpus = 1;
    std::uint64_t memory_available = 0;    // bytes
    std::uint64_t capabilities = 0;        // effective, of this process
    std::optional<std::uint64_t> memlock;  // bytes; none: no limit
    std::optional<int> forwarding_v4;      // none: no such family
    std::optional<int> forwarding_v6;
    int rp_filter_all = 0;
    std::optional<Conntrack> conntrack;  // none: not loaded
    PortRange local_ports{32768, 60999};
    PortSet reserved_ports;
    bool reserved_ports_writable = true;
    std::vector<OpenSocket> sockets{};
    std::vector<HostAddress> addresses{};
    std::vector<std::string> default_routes{};  // the interfaces they leave by
    std::vector<InstanceFacts> instances{};     // whose tables are pinned
    // Of the configuration:
    std::vector<LinkFacts> links{};  // its interfaces, in its order
    std::vector<Route> routes{};     // to its backends, at most kMostRoutes of them
    SocketFound api_socket = SocketFound::free;
    std::optional<SocketFacts> socket_path{};  // none: no `sockets`
};

// Each takes a question to the kernel.
inline constexpr std::size_t kMostRoutes = 1024;

}  // namespace weir
