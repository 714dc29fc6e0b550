// Which flows are meant: the filters of /v1/flows, and the fields that flows are sorted and counted
// by.
#pragma once

#include <bitset>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lb/stats/snapshot.h"

namespace weir {

using Query = std::map<std::string, std::string>;

// Why a name is refused, and what may have been meant.
std::string unknown_service(const std::string &name, const Inventory &inventory);

// A block of addresses; or one of them, and one of its ports or all.
struct FlowPeer {
    Prefix addresses;
    std::optional<std::uint16_t> port;

    // "192.0.2.1", "192.0.2.1:80", "192.0.2.0/24", "2001:db8::1", "[2001:db8::1]",
    // "[2001:db8::1]:80" or "2001:db8::/32"
    static std::optional<FlowPeer> parse(std::string_view text);
    bool matches(const Endpoint &endpoint) const;
};

struct FlowFilter {
    std::optional<std::uint32_t> service;  // id
    std::optional<FlowPeer> client;
    std::optional<FlowPeer> vip;
    std::optional<FlowPeer> backend;
    std::optional<Protocol> protocol;
    std::bitset<5> states;             // by FlowState; none: any
    std::chrono::milliseconds idle{};  // at least so long

    bool matches(const Flow &flow) const;
};

// Query keys: service (a name), client, vip and backend (FlowPeer), protocol, state (a list with
// commas), idle (a duration). Exit::usage for another key, or a value that is none; `others` ends
// the list of keys in the message.
Result<FlowFilter> parse_flow_filter(const Query &query, const Inventory &inventory,
                                     std::string_view others);

// Those to delete. Query keys: as above; or, to mean every flow, all=true and none of them.
// Exit::usage.
Result<FlowFilter> parse_flush_filter(const Query &query, const Inventory &inventory);

enum class FlowField { service, client, vip, backend, protocol, state, idle };
std::string_view to_string(FlowField field);
// Exit::usage; `key` is what the name was given for.
Result<FlowField> parse_flow_field(std::string_view key, std::string_view name);

}  // namespace weir
