// `sockets` as values: the services for the programs of this host, at their sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "lb/config/mark.h"
#include "lb/net/address.h"

namespace weir {

enum class SocketFamily { any, ipv4, ipv6 };
enum class SocketType { stream, dgram, raw };

std::string_view to_string(SocketFamily family);  // "", "ipv4", "ipv6"
std::string_view to_string(SocketType type);      // "stream", "dgram", "raw"

inline constexpr std::size_t kMostAllowedBinds = 1024;

// Sockets that programs may not make.
struct DeniedSocket {
    SocketFamily family = SocketFamily::any;
    SocketType type = SocketType::raw;

    std::string to_string() const;  // "raw", "ipv6/raw"
    bool operator==(const DeniedSocket &) const = default;
};

// What bind() may take although it is guarded.
struct AllowedBind {
    std::optional<Address> address;  // none: any
    std::uint16_t port = 0;

    std::string to_string() const;  // "8080", "192.0.2.10:443"
    bool operator==(const AllowedBind &) const = default;
};

inline constexpr std::size_t kMostListeners = 64;

// One local socket that listens for many addresses and ports.
struct ListenerConfig {
    Prefix addresses;
    PortRange ports;
    Protocol protocol = Protocol::tcp;
    Endpoint to;  // where the socket listens
    Mark mark{};

    std::string to_string() const;  // "203.0.113.0/24 8000-8999 tcp"
    auto operator<=>(const ListenerConfig &other) const {
        return std::tie(addresses, ports, protocol, to) <=>
               std::tie(other.addresses, other.ports, other.protocol, other.to);
    }
    bool operator==(const ListenerConfig &other) const { return (*this <=> other) == 0; }
};

// The services for the programs of this host, at their sockets.
struct SocketsConfig {
    std::string cgroup;  // a folder of cgroup v2: absolute, or below where that is mounted; empty:
                         // all programs
    bool guard = true;   // VIPs and SNAT ports are refused to bind()
    bool join = false;   // data of two programs of this host goes from socket to socket
    std::vector<AllowedBind> allow;
    std::vector<DeniedSocket> deny;
    std::vector<ListenerConfig> listeners;
    std::uint32_t mark = 0;  // SO_MARK of sockets that have none; 0: none is set
    Mark cgroup_mark{};
    Mark mark_of_all{};  // of `sockets`
};

}  // namespace weir
