// /v1/monitor: which events of the data path are asked for, and the documents that tell of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "lb/api/documents.h"
#include "lb/api/flow_query.h"
#include "lb/dataplane/event_ring.h"

namespace weir {

struct EventFilter {
    std::uint32_t kinds = (1U << WEIR_EVENT_KINDS) - 1;  // bit 1 << EventKind
    std::optional<std::uint32_t> service;                // id
    std::optional<FlowPeer> client, backend;
    std::set<std::uint8_t> reasons;  // of drops; empty: all of them

    bool matches(const FlowEvent &event) const;
};

// Query keys: event (opened, established, closed, dropped; several with commas), service (a name),
// client and backend (ADDR or ADDR:PORT), reason (drop reasons, several with commas). Exit::usage.
Result<EventFilter> parse_event_filter(const std::map<std::string, std::string> &query,
                                       const Inventory &inventory);

// Names by the ids of the data path.
struct EventNames {
    explicit EventNames(const Inventory &inventory);

    std::unordered_map<std::uint32_t, std::string> services;
    std::unordered_map<std::uint32_t, Endpoint> backends;
};

// One line of /v1/monitor. `ahead`: what the wall clock is ahead of the data path's.
Json event_document(const FlowEvent &event, const EventNames &names,
                    std::chrono::nanoseconds ahead);
// The line that tells of events which are missing: beyond the data path's rate, overwhelmed the
// ring, or came faster than this reader reads.
Json missing_document(const EventStats &since, std::uint64_t slow,
                      std::chrono::system_clock::time_point now);

}  // namespace weir
