// What the daemon tells about itself, as values: the input of the metrics and of the API's
// documents. Only read_snapshot() meets the kernel.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/attach.h"
#include "lb/dataplane/collector.h"
#include "lb/dataplane/tables.h"
#include "lb/model/roster.h"
#include "lb/model/state.h"
#include "lb/result.h"
#include "lb/stats/socket_snapshot.h"

namespace weir {

// A service under its name and under its id: the configuration knows one, the tables the other.
struct InventoryService {
    std::string name;
    Mode mode = Mode::dnat;
    Scheduler scheduler = Scheduler::maglev;
    ServiceRow row;
    std::vector<double> shares;  // of the weight, 0..1, one for each of row.backends
};

struct Inventory {
    std::vector<InventoryService> services;  // in the order of the configuration
    std::uint64_t number = 0;                // another one with each change

    const InventoryService *find(std::string_view name) const;
    const InventoryService *find(std::uint32_t id) const;
    std::size_t backends() const;
    // One above the largest id: how much of the tables has something to tell.
    std::uint32_t service_ids() const;
    std::uint32_t backend_ids() const;
};

// Services that only one of the two knows are left out.
Inventory make_inventory(const Config &config, const TableState &tables);

struct BackendSnapshot {
    Endpoint endpoint;
    std::uint32_t weight = 0;
    double share = 0;  // of the weight, 0..1
    Counters counters;
    std::uint32_t flows = 0;  // as last counted: right to some seconds
};

struct ServiceSnapshot {
    std::string name;
    Endpoint vip;
    Protocol protocol = Protocol::tcp;
    Mode mode = Mode::dnat;
    Scheduler scheduler = Scheduler::maglev;
    Counters counters;
    FlowLatencies latencies;
    std::vector<BackendSnapshot> backends;
};

// Lines of the flow log.
struct FlowLogStats {
    std::uint64_t written = 0;
    std::uint64_t suppressed = 0;  // beyond its rate
    std::uint64_t failed = 0;      // that could not be written
};

struct Snapshot {
    std::vector<ServiceSnapshot> services;
    DropCounters drops{};
    IcmpCounters icmp{};
    EventStats events{};
    std::optional<FlowLogStats> flow_log{};  // none: there is no flow log
    std::vector<TableUse> tables;
    std::vector<std::pair<PacketHook, ProgramRuns>> programs{};
    std::optional<SocketSnapshot> sockets{};  // none: there are no socket programs
};

Result<Snapshot> read_snapshot(const Tables &tables, const Inventory &inventory,
                               const Census &census);

// What is known of a backend beside its counters; nothing for one that the configuration does not
// name (any more).
using BackendViews = std::function<std::optional<BackendView>(const BackendKey &)>;

// The last time a configuration was loaded, at the start or on SIGHUP.
struct ReloadStatus {
    bool successful = true;
    std::chrono::system_clock::time_point last_success;
    std::string error;       // why the last one failed; empty when it did not
    std::uint64_t done = 0;  // since the daemon started, the start itself left out
    std::uint64_t refused = 0;
};

struct DaemonInfo {
    std::string version;
    int pid = 0;
    std::chrono::system_clock::time_point started;
    std::string instance;
    std::string config_file;
    bool adopted = false;  // went on with the tables of an earlier run
    std::vector<AttachedInterface> interfaces;
    ReloadStatus reload;
    std::string tables{};  // what the start found: "new", "adopted", "taken_over"
};

}  // namespace weir
