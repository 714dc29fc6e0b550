// What the daemon tells about the sockets of local programs, as values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lb/dataplane/cgroup.h"
#include "lb/dataplane/join_objects.h"
#include "lb/dataplane/socket_tables.h"
#include "lb/dataplane/tables.h"
#include "lb/net/address.h"
#include "lb/result.h"

namespace weir {

struct Inventory;

struct SocketBackendSnapshot {
    Endpoint endpoint;
    SocketCounters counters;
    std::uint32_t live = 0;  // sockets that are connected to it
};

struct SocketServiceSnapshot {
    std::string name;
    Protocol protocol = Protocol::tcp;
    SocketCounters counters;
    SocketHistograms histograms;
    std::optional<JoinCounters> joined;  // none: nothing was ever to be joined
    std::vector<SocketBackendSnapshot> backends;
};

// How often the programs of a cgroup were given a backend of a service.
struct SocketUserSnapshot {
    std::string cgroup;   // below the mount of cgroup v2; "other" for all that had no room
    std::string service;  // empty: sockets that were made
    std::uint64_t times = 0;
};

struct SocketSnapshot {
    std::string cgroup;  // that the programs are on, or wait for
    InterfaceState state = InterfaceState::attached;
    std::string reason{};  // why the kernel refuses them there
    std::vector<SocketServiceSnapshot> services;
    SocketRefusals refusals{};
    SocketEvents events{};
    std::vector<SocketUserSnapshot> users;
    std::map<std::string, bool> listening;  // whether a socket was found, by the listener's name
    std::uint64_t ended_tcp = 0;            // sockets ended because their backend was gone
    std::uint64_t ended_udp = 0;
};

// Users whose cgroup is gone are forgotten. `join`: none where nothing was ever to be joined.
Result<SocketSnapshot> read_socket_snapshot(const SocketTables &tables, const JoinObjects *join,
                                            const Inventory &inventory, CgroupNames &names);

}  // namespace weir
