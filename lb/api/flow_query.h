// /v1/flows: which flows are asked for, and the document that answers. A walk of a full table takes
// seconds, so it runs beside the event loop, and is bounded in results and in time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lb/api/documents.h"
#include "lb/stats/snapshot.h"

namespace weir {

inline constexpr std::size_t kFlowsDefaultLimit = 1000;
inline constexpr std::size_t kFlowsMaximumLimit = 100000;

// Why a name is refused, and what may have been meant.
std::string unknown_service(const std::string &name, const Inventory &inventory);

// An address, and one of its ports or all of them.
struct FlowPeer {
    Address address;
    std::optional<std::uint16_t> port;

    // "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80"
    static std::optional<FlowPeer> parse(std::string_view text);
    bool matches(const Endpoint &endpoint) const;
};

struct FlowFilter {
    std::optional<std::uint32_t> service;  // id
    std::optional<FlowPeer> client;
    std::optional<FlowPeer> backend;
    std::size_t limit = kFlowsDefaultLimit;

    bool matches(const Flow &flow) const;
};

// Query keys: service (a name), client and backend (ADDR or ADDR:PORT), limit. Exit::usage for
// another key or a value that is none.
Result<FlowFilter> parse_flow_filter(const std::map<std::string, std::string> &query,
                                     const Inventory &inventory);

// Those to delete. Query keys: service, client, backend as above; or, to mean every flow, all=true
// and none of them. Exit::usage.
Result<FlowFilter> parse_flush_filter(const std::map<std::string, std::string> &query,
                                      const Inventory &inventory);

// Calls its argument for every flow until that returns false.
using FlowWalk = std::function<Result<void>(const std::function<bool(const Flow &)> &)>;

// {"flows": [...], "truncated": BOOL}; truncated says that the limit, `deadline` or `stop` ended
// the walk.
Result<Json> flows_document(const FlowWalk &walk, const FlowFilter &filter,
                            const Inventory &inventory,
                            std::chrono::steady_clock::time_point deadline,
                            const std::atomic<bool> &stop);

// Deletes the flows for which the first one is true, for as long as the second is.
using FlowFlush = std::function<Result<FlowDeletion>(const std::function<bool(const Flow &)> &,
                                                     const std::function<bool()> &)>;

// {"deleted": N, "truncated": BOOL}; truncated says that `deadline` or `stop` ended it.
Result<Json> flush_document(const FlowFlush &flush, const FlowFilter &filter,
                            std::chrono::steady_clock::time_point deadline,
                            const std::atomic<bool> &stop);

}  // namespace weir
