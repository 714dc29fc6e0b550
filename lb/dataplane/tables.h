// Typed access to the data plane's maps. The layout of every key and value is bpf/abi.h's.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/abi.h"
#include "lb/config/config.h"
#include "lb/model/plan.h"
#include "lb/model/state.h"
#include "lb/result.h"

namespace weir {

// Descriptors of the maps; owned by whoever loaded or opened them.
struct MapFds {
    int services = -1;
    int backends = -1;
    int rings = -1;
    int vips = -1;
    int backend_addresses = -1;
    int known_addresses = -1;
    int source_ranges = -1;
    int affinity = -1;
    int service_rates = -1;
    int source_rates = -1;
    int backend_flows = -1;
    int snat_addresses = -1;
    int flows_new_v4 = -1;
    int flows_v4 = -1;
    int flows_new_v6 = -1;
    int flows_v6 = -1;
    int fragments = -1;
    int service_stats = -1;
    int service_latencies = -1;
    int backend_stats = -1;
    int drop_stats = -1;
    int icmp_stats = -1;
    int watch = -1;
    int events = -1;
    int event_stats = -1;
    int accounts_v4 = -1;
    int accounts_v6 = -1;
    int xdp_devices = -1;
    int settings = -1;
    int replay = -1;
};

enum class InterfaceState {
    attached,
    absent,   // it does not exist
    refused,  // it exists, and the programs could not be put there
};
std::string_view to_string(InterfaceState state);  // "attached", "absent", "refused"

// What an interface got, and why.
struct AttachedInterface {
    std::string name;
    unsigned ifindex = 0;
    Hook hook = Hook::xdp;  // xdp or tc; as configured where it is not attached
    XdpMode xdp_mode = XdpMode::native;
    // How `auto` was decided, or what the hook asks for, or why it was refused; may be empty.
    std::string reason{};
    InterfaceState state = InterfaceState::attached;
    // The id of what stands there for XDP: the program, or libxdp's dispatcher that calls it.
    std::uint32_t xdp_program = 0;
};

// Counters, summed over the CPUs. Bytes are whole frames without FCS.
struct Counters {
    std::uint64_t forward_packets = 0;  // client -> backend
    std::uint64_t forward_bytes = 0;
    std::uint64_t reply_packets = 0;  // backend -> client
    std::uint64_t reply_bytes = 0;
    std::uint64_t new_flows = 0;
};

// How long the flows of a service took, since the tables were made.
struct FlowLatencies {
    weir_latency answer{};
    weir_latency handshake{};
};

// Events that were left out: beyond the rate, and because nobody fetched those before them.
struct EventStats {
    std::uint64_t sampled = 0;
    std::uint64_t full = 0;
};

using DropCounters = std::array<std::uint64_t, WEIR_DROP_REASONS>;

using IcmpCounters = std::array<std::uint64_t, WEIR_ICMP_EVENTS>;

enum class FlowState { fresh, replied, established, closing, closed };
std::string_view to_string(FlowState state);  // "new", "replied", "established", ...

// One flow, seen from its forward direction.
struct Flow {
    Protocol protocol = Protocol::tcp;
    Endpoint client;
    Endpoint vip;
    Endpoint backend;              // where its packets go
    std::optional<Endpoint> snat;  // whom the backend sees, where that is not the client
    std::uint32_t service_id = 0;
    std::uint32_t backend_id = 0;
    FlowState state = FlowState::fresh;
    std::chrono::nanoseconds idle{};  // since it was last refreshed; right to about a second
};

// Where a walk over the flow tables goes on.
struct FlowPosition {
    std::uint32_t map = 0;  // a table's map, by its id; 0: the first table
    std::uint32_t bucket = 0;

    bool operator==(const FlowPosition &) const = default;
};

struct FlowDeletion {
    std::uint64_t flows = 0;
    bool complete = true;  // false: it was ended early
};

// "no_backend", "tuple_in_use", ... : the names of enum weir_drop_reason, as metrics show them.
std::string_view drop_reason_name(std::uint8_t reason);
// "translated", "answered", "sent": those of enum weir_icmp_event.
std::string_view icmp_event_name(std::uint8_t event);

class Tables {
  public:
    explicit Tables(const MapFds &fds) : fds_(fds) {}

    // What the services, backends and rings hold now; empty tables give an empty state.
    Result<TableState> read() const;
    // Writes in the order of the plan. On an error the tables may hold a part of it; no service is
    // half built even then.
    Result<void> apply(const Plan &plan);

    // That packets of these services may come: apply() says so of those that are new.
    Result<void> mark_known(const TableState &state);

    // Timeouts and the SNAT pool.
    Result<void> write_settings(const Config &config);
    Result<weir_settings> settings() const;
    // What is left to the programs of other tables.
    Result<void> hand_over(weir_handover what);
    // The SNAT ports that new flows get, and which those are.
    Result<void> set_snat_ports(const PortRange &ports);
    Result<PortRange> snat_ports() const;

    // The interfaces that XDP may send frames to, from each other: those that carry it.
    Result<void> set_xdp_device(unsigned ifindex, weir_xdp_mode mode);
    Result<void> remove_xdp_device(unsigned ifindex);  // also where it is not there
    // Forgets all but those with `hook: xdp` in the list.
    Result<void> keep_xdp_devices(const std::vector<AttachedInterface> &attached);

    Result<Counters> service_counters(std::uint32_t id) const;
    Result<Counters> backend_counters(std::uint32_t id) const;
    // Of the ids below `count`, some thousand with each system call.
    Result<std::vector<Counters>> all_service_counters(std::uint32_t count) const;
    Result<std::vector<Counters>> all_backend_counters(std::uint32_t count) const;
    Result<std::vector<FlowLatencies>> all_latencies(std::uint32_t count) const;
    Result<DropCounters> drop_counters() const;
    Result<IcmpCounters> icmp_counters() const;

    // Which events the data path tells of, and until when.
    Result<void> watch(const weir_watch &wanted) const;
    Result<EventStats> event_stats() const;

    const MapFds &maps() const { return fds_; }

    // How many flows each backend has, by id, as counted just now: limits on them hold for as long
    // as this is repeated (WEIR_COUNT_VALID_NS).
    Result<void> write_backend_flows(const std::vector<std::uint32_t> &ids,
                                     const std::vector<std::uint32_t> &flows);

    // Every live flow from a position on, in no order, for as long as `go_on` says, which is asked
    // every few thousand entries. Returns where it ended; nothing at the end of the tables.
    // Exit::usage: the tables of `from` have been replaced. Flows that come or go meanwhile may or
    // may not be seen.
    Result<std::optional<FlowPosition>> for_each_flow(
        const FlowPosition &from, const std::function<bool()> &go_on,
        const std::function<void(const Flow &)> &visit) const;

    // Deletes the flows, both directions of each, that `wanted` says, for as long as `go_on` does.
    // A client that goes on sending opens a new one. Of a flow that lost one direction the other
    // counts; those that are too old go as well, and are not counted.
    Result<FlowDeletion> delete_flows(const std::function<bool(const Flow &)> &wanted,
                                      const std::function<bool()> &go_on) const;

  private:
    Result<void> clear_counters(const Plan &plan);
    Result<void> clear_latencies(std::uint32_t service);
    Result<void> set_backends(const std::vector<BackendWrite> &writes);
    Result<void> set_services(const Plan &plan);
    Result<void> set_ranges(const Plan &plan);
    Result<void> remove_ranges(const std::vector<RangeWrite> &ranges);
    Result<void> write_snat_addresses(const SnatConfig &snat, weir_settings &value);
    Result<void> remove(const Plan &plan);

    MapFds fds_;
};

}  // namespace weir
