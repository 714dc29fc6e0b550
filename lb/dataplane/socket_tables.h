// Typed access to the maps of the socket programs alone.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "lb/config/config.h"
#include "lb/model/state.h"
#include "lb/result.h"

namespace weir {

// Descriptors of the maps; owned by whoever loaded them.
struct SocketMapFds {
    int settings = -1;
    int sources = -1;
    int allowed = -1;
    int service_stats = -1;
    int backend_stats = -1;
    int flows = -1;
    int epoch = -1;
    int generations = -1;
    int refusals = -1;
    int events = -1;
    int users = -1;
    int histograms = -1;
    int sockets = -1;
    int udp_sockets = -1;
    int listeners = -1;
    int listener_sockets = -1;
    int listener_wanted = -1;
};

// Summed over the CPUs.
struct SocketCounters {
    std::uint64_t connected = 0;  // sockets that connect() was given a backend
    std::uint64_t chosen = 0;     // VIPs of unconnected UDP sockets that were given one
    std::uint64_t failed = 0;     // TCP connections that were never established
    std::uint64_t refused = 0;    // connect() and sendmsg() that were refused
};

struct SocketHistograms {
    weir_latency connect{};
    weir_latency rtt{};
    weir_latency retransmits{};
};

struct SocketUser {
    std::uint64_t cgroup = 0;   // its id; 0: all for which the table had no room
    std::uint32_t service = 0;  // WEIR_NO_SERVICE: sockets that were made
    std::uint64_t times = 0;
};

using SocketRefusals = std::array<std::uint64_t, WEIR_DROP_REASONS>;
using SocketEvents = std::array<std::uint64_t, WEIR_SOCKET_EVENTS>;

// "bind_vip", "bind_snat", "denied", ...: the names of enum weir_socket_event, as metrics show
// them.
std::string_view socket_event_name(std::uint8_t event);

class SocketTables {
  public:
    explicit SocketTables(const SocketMapFds &fds) : fds_(fds) {}

    // What the configuration says. `begin`: no program is attached yet, and so no socket counts.
    Result<void> configure(const SocketsConfig &config, bool begin) const;
    // As whom this host's programs come to each service that asks: towards its first backend.
    Result<void> write_sources(const TableState &tables) const;
    // What is left of services and backends that had these ids before.
    Result<void> clear(const std::vector<std::uint32_t> &services,
                       const std::vector<std::uint32_t> &backends) const;

    // Of the ids below `count`.
    Result<std::vector<SocketCounters>> service_counters(std::uint32_t count) const;
    Result<std::vector<SocketCounters>> backend_counters(std::uint32_t count) const;
    Result<std::vector<SocketHistograms>> histograms(std::uint32_t count) const;
    // Sockets that are connected to each backend.
    Result<std::vector<std::uint32_t>> live(std::uint32_t count) const;
    Result<SocketRefusals> refusals() const;
    Result<SocketEvents> events() const;
    Result<std::vector<SocketUser>> users() const;
    // Forgets users whose cgroup is gone.
    Result<void> forget_users(const std::vector<SocketUser> &gone) const;

    const SocketMapFds &maps() const { return fds_; }

  private:
    Result<void> begin_count() const;
    Result<void> begin_count(std::uint32_t backend) const;
    Result<void> write_allowed(const std::vector<AllowedBind> &allowed) const;

    SocketMapFds fds_;
};

}  // namespace weir
