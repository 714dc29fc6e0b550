// The configuration as values: what weir.yaml says, checked, with every default filled in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lb/config/health_check.h"
#include "lb/config/mark.h"
#include "lb/config/sockets.h"
#include "lb/net/address.h"
#include "lb/result.h"

namespace weir {

enum class Hook { xdp, tc, automatic };
enum class XdpMode { native, generic, offload };
enum class Mode { dnat, fullnat };
enum class Scheduler { maglev, wrr, least_conn, random, source_hash };
// What becomes of the flows of a backend that is down, or whose drain_timeout is over.
enum class OnDown { keep, reset, reselect };
// Who answers ARP and neighbour solicitations for a VIP: nobody here, or this host.
enum class Announce { none, address };
enum class LogLevel { debug, info, warn, error };

std::string_view to_string(Hook hook);  // "xdp", "tc", "auto"
std::string_view to_string(XdpMode mode);
std::string_view to_string(Mode mode);
std::string_view to_string(Scheduler scheduler);  // "maglev", "wrr", "least-conn", ...
std::string_view to_string(OnDown on_down);
std::string_view to_string(Announce announce);
std::string_view to_string(LogLevel level);

struct InterfaceConfig {
    std::string name;
    Hook hook = Hook::automatic;
    XdpMode xdp_mode = XdpMode::native;
    Mark mark{};
};

inline constexpr std::uint32_t kHighestWeight = 65535;

struct BackendConfig {
    Endpoint endpoint;
    std::uint32_t weight = 100;  // 0..65535; 0 = no new flows
    bool fallback = false;       // takes new flows only while no other backend of its service can
    // Where it is checked, if that is not where it serves.
    std::optional<Address> check_address{};
    std::optional<std::uint16_t> check_port{};
    Mark mark{};
};

// Clients that a service lets in or turns away: the longest prefix decides.
struct SourceRange {
    Prefix prefix;
    bool allow = true;
    Mark mark{};

    std::string to_string() const;  // "198.51.100.0/24", "!198.51.100.0/24"
};

// 0: no limit.
struct ServiceLimits {
    std::uint32_t new_flows_per_second = 0;
    std::uint32_t new_flows_per_second_per_source = 0;  // of one client address
    std::uint32_t flows_per_backend = 0;

    bool operator==(const ServiceLimits &) const = default;
};

struct ServiceConfig {
    std::string name;
    Endpoint vip;
    Protocol protocol = Protocol::tcp;
    Mode mode = Mode::dnat;
    Scheduler scheduler = Scheduler::maglev;
    std::uint32_t ring_size = 0;         // maglev, source-hash: slots, a prime; 0: by the backends
    std::chrono::seconds slow_start{0};  // from up to full weight
    std::optional<HealthCheckConfig> health_check;
    OnDown on_down = OnDown::keep;
    std::chrono::seconds drain_timeout{0};  // 0: draining lasts until the last flow is gone
    std::uint32_t min_active = 0;  // checks take no backend out that would leave fewer than this
    std::chrono::seconds session_affinity{0};  // 0: none
    // Of the VIP's family. A client that none matches is let in only if none of them allows.
    std::vector<SourceRange> source_ranges;
    Announce announce = Announce::none;
    ServiceLimits limits;
    std::vector<BackendConfig> backends;  // at least one
    Mark mark{};
};

// The entries of `source_ranges` over all services, with one more for each that has any: what is
// true of clients that none of its ranges matches.
inline constexpr std::size_t kMostSourceRanges = 65536;
inline constexpr std::size_t kMostSnatAddresses = 64;  // per family

struct SnatAddress {
    Address address;
    Mark mark{};
};

// What fullnat puts in place of the client's address and port.
struct SnatConfig {
    std::vector<SnatAddress> addresses;
    PortRange ports{20000, 32767};  // below Linux's ip_local_port_range
    Mark mark{};                    // of `snat`
};

// Capacities of the tables; fixed for the life of the tables. Flows are counted per family, those
// between the two as IPv6: one of IPv4 takes 224 bytes, one of IPv6 336, and its share of buckets,
// all of it at the start (flow_tables_bytes() in lb/dataplane/flow_table.h).
struct Limits {
    std::uint32_t flows = 262144;     // established flows
    std::uint32_t new_flows = 65536;  // flows whose handshake is not complete
    std::uint32_t services = 4096;
    std::uint32_t backends = 16384;
    // Packets and bytes of each flow are counted: 288 bytes more for a flow of IPv4, 336 of IPv6,
    // also of new ones. Not a key: `flow_log` asks for it.
    bool accounts = false;

    bool operator==(const Limits &) const = default;
};

// A direction in which nothing is sent is kept alive by the other one, and three seconds late at
// most (bpf/flow.h): with a shorter timeout it would be taken for one that is over.
inline constexpr std::chrono::seconds kShortestTimeout{4};

// A flow that saw no packet for this long is gone.
struct Timeouts {
    std::chrono::seconds tcp_established{7440};  // 2h4m: RFC 5382, REQ-5
    std::chrono::seconds tcp_transitory{240};    // closing: RFC 5382, REQ-5
    std::chrono::seconds tcp_new{30};            // handshake not complete
    std::chrono::seconds udp{300};               // RFC 4787, REQ-5
};

struct FileConfig {
    std::string path;
    Mark mark{};
};

// The admin API over TCP, with mutual TLS. The files are PEM, and read when the daemon starts and
// reloads.
struct ApiTcpConfig {
    Endpoint listen;
    FileConfig certificate;  // the daemon's
    FileConfig key;
    FileConfig client_ca;  // who signs those of clients
    Mark listen_mark{};
};

// A line for each flow that has ended.
struct FlowLogConfig {
    std::string file;
    std::uint32_t rate = 1000;  // lines per second; more are counted and left out

    bool operator==(const FlowLogConfig &) const = default;
};

struct ReplayConfig {
    MacAddress mac{{0x02, 0, 0, 0, 0, 0x01}};  // the load balancer's own, in a capture
};

// Where the values are that may be found wrong only when the daemon runs.
struct KeyMarks {
    Mark interfaces;
    Mark limits;
    Mark metrics_listen;
    Mark api_socket;
    Mark api_group;
    Mark state_file;
    Mark flow_log{};
    Mark flow_log_file{};
    Mark instance;
};

struct Config {
    std::string file;                  // as named by the user; "<string>" when parsed from memory
    std::string instance = "default";  // names the pins: several instances may run on one host
    std::vector<InterfaceConfig> interfaces;
    std::vector<ServiceConfig> services;
    SnatConfig snat;
    Limits limits;
    Timeouts timeouts;
    std::optional<Endpoint> metrics;  // metrics.listen; none: no exporter
    std::string api_socket = "/run/weir/weir.sock";
    std::string api_group;  // owns the socket beside root; empty: root's group
    std::optional<ApiTcpConfig> api_tcp{};
    std::string state_file;  // what operators changed at run time; set to its default by the reader
    std::optional<SocketsConfig> sockets{};  // none: programs go the packets' way
    std::optional<FlowLogConfig> flow_log;   // none: flows have no accounts
    LogLevel log_level = LogLevel::info;
    bool watch = false;  // reload when the file changes
    ReplayConfig replay;
    KeyMarks marks;
};

// Reads and checks a file. The error is the first one found, with exit status 2 and one line:
// "FILE:LINE:COL: what is wrong", or "FILE: cannot read: reason". No interface is looked up and
// none need be named: what needs them (the daemon) checks that.
Result<Config> load_config(const std::string &file);
// The same for text in memory; `file` only names it in messages.
Result<Config> parse_config(const std::string &text, const std::string &file);
// The effective configuration, every default spelled out: YAML that parse_config() reads back.
std::string to_yaml(const Config &config);

}  // namespace weir
