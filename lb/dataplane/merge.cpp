#include "lb/dataplane/merge.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "lb/dataplane/flow_table.h"
#include "lb/dataplane/map_access.h"

namespace weir {

namespace {

// Room for an entry of either family.
struct AnyEntry {
    weir_flow_v6 value{};
    bool is_v4 = false;

    weir_flow &head() { return value.flow; }
    const weir_flow &head() const { return value.flow; }
};

bool same_target(const AnyEntry &a, const AnyEntry &b) {
    const auto same = [](const auto &one, const auto &other) {
        return source_of(one) == source_of(other) && destination_of(one) == destination_of(other);
    };
    return a.is_v4 ? same(a.head(), b.head()) : same(a.value, b.value);
}

// Whether the old entry was refreshed after the new one. Within one tick it was if that is a copy,
// for the table that it is from has changed since; if packets made it, it was not.
bool is_later(const weir_flow &was, const weir_flow &is) {
    const auto age = ticks_between(is, was);
    return age > 0 || (age == 0 && (is.flags & WEIR_FLOW_BROUGHT) != 0);
}

// Whether a client has started over in the old tables on a connection that was copied closed. Not
// within a tick: a packet may have closed the copy.
bool is_started_over(const weir_flow &was, const weir_flow &is) {
    return was.state != WEIR_FLOW_CLOSED && is.state == WEIR_FLOW_CLOSED &&
           (is.flags & WEIR_FLOW_BROUGHT) != 0 && ticks_between(is, was) > 0;
}

// Whether the old entry of a flow says more than the new one, which may have met packets since, or
// be that of a connection that has started over.
bool knows_more(const AnyEntry &was, const AnyEntry &is, NewTables tables) {
    if (tables == NewTables::copied)
        return true;
    if (!same_target(was, is))
        return is_later(was.head(), is.head());
    if (is_started_over(was.head(), is.head()))
        return true;
    const auto state = was.head().state;
    return state > is.head().state &&
           (state != WEIR_FLOW_CLOSED || is_later(was.head(), is.head()));
}

// A flow is in one of two tables, before its promotion and after it, and the same tuple may have
// been another flow's since: of two entries the one that knows more stays. Called when both are
// written, so that none that a packet makes meanwhile goes unseen.
void settle(int written, int other, const std::vector<std::byte> &key, const AnyEntry &was,
            NewTables tables) {
    AnyEntry is{{}, was.is_v4};
    if (bpf_map_lookup_elem(other, key.data(), &is.value) == 0)
        bpf_map_delete_elem(knows_more(was, is, tables) ? other : written, key.data());
}

// An IPv4 tuple, as a key of the other family's tables; none of an IPv6 packet's.
std::vector<std::byte> crossed(const std::vector<std::byte> &key) {
    weir_tuple_v4 v4{};
    weir_tuple_v6 v6{};
    std::vector<std::byte> other;
    if (key.size() == sizeof v4) {
        std::memcpy(&v4, key.data(), sizeof v4);
        v6 = {v4.head, to_abi(from_abi(v4.saddr)), to_abi(from_abi(v4.daddr))};
        v6.head.mapped = 1;
        other.resize(sizeof v6);
        std::memcpy(other.data(), &v6, sizeof v6);
        return other;
    }
    std::memcpy(&v6, key.data(), sizeof v6);
    if (v6.head.mapped == 0)
        return other;
    v4 = {v6.head, v6.saddr.words[3], v6.daddr.words[3]};
    v4.head.mapped = 0;
    other.resize(sizeof v4);
    std::memcpy(other.data(), &v4, sizeof v4);
    return other;
}

// The same where the flow that had the tuple, or has it since, is of the other family: its packets
// would meet one of them, and not always that of today. False: the one that was written went.
bool settle_crossed(int written, const Siblings &siblings, const std::vector<std::byte> &key,
                    const AnyEntry &was) {
    if (siblings.crossed.front() < 0)
        return true;
    const auto other = crossed(key);
    if (other.empty())
        return true;
    bool stays = true;
    for (const int map : siblings.crossed) {
        AnyEntry is{{}, !was.is_v4};
        if (bpf_map_lookup_elem(map, other.data(), &is.value) != 0)
            continue;
        if (is_later(was.head(), is.head()))
            bpf_map_delete_elem(map, other.data());
        else
            stays = bpf_map_delete_elem(written, key.data()) != 0;
    }
    return stays;
}

// What two entries of one tuple come to; none: the new one stays as it is. Of one flow it is as
// young as either: packets that the old one met kept both alive.
std::optional<AnyEntry> merged(const AnyEntry &was, const AnyEntry &is, NewTables tables) {
    const bool old_stays = knows_more(was, is, tables);
    AnyEntry both = old_stays ? was : is;
    if (tables != NewTables::copied && same_target(was, is))
        both.head().refreshed =
            (ticks_between(was.head(), is.head()) > 0 ? is : was).head().refreshed;
    if (std::memcmp(&both.value, &is.value, sizeof both.value) == 0)
        return std::nullopt;
    return both;
}

Result<bool> merge_into(const Table &to, const Siblings &siblings, NewTables tables,
                        const std::vector<std::byte> &key, const AnyEntry &was) {
    AnyEntry is{{}, was.is_v4};
    if (bpf_map_lookup_elem(to.fd, key.data(), &is.value) != 0)
        return false;
    const auto both = merged(was, is, tables);
    if (!both)
        return false;
    if (bpf_map_update_elem(to.fd, key.data(), &both->value, BPF_EXIST) == 0)
        return settle_crossed(to.fd, siblings, key, *both);
    if (errno == ENOENT)
        return false;  // a packet was faster
    return map_error(to.name, "take over a flow", errno);
}

}  // namespace

Siblings siblings_of(const Table &table, const Objects &objects) {
    const bool fresh = table.name.find("_new_") != std::string::npos;
    const bool v4 = table.name.substr(table.name.size() - 2) == "v4";
    const auto find = [&](const std::string &name) {
        for (const Table &one : objects.pinned())
            if (one.name == name)
                return one.fd;
        return -1;
    };
    const std::string other = v4 ? "v6" : "v4";
    return {find((fresh ? "flows_" : "flows_new_") + std::string(v4 ? "v4" : "v6")),
            {find("flows_" + other), find("flows_new_" + other)}};
}

Result<bool> put_entry(const Table &to, const Siblings *siblings, NewTables tables,
                       const std::vector<std::byte> &key, const std::vector<std::byte> &value) {
    AnyEntry was{{}, value.size() == sizeof(weir_flow)};
    AnyEntry is{{}, was.is_v4};
    if (siblings != nullptr)
        std::memcpy(&was.value, value.data(), std::min(value.size(), sizeof was.value));
    if (was.head().state == WEIR_FLOW_CLOSED && tables == NewTables::in_use &&
        bpf_map_lookup_elem(to.fd, key.data(), &is.value) != 0)
        return false;
    if (bpf_map_update_elem(to.fd, key.data(), value.data(), BPF_NOEXIST) == 0) {
        if (siblings != nullptr)
            settle(to.fd, siblings->same, key, was, tables);
        return siblings == nullptr || settle_crossed(to.fd, *siblings, key, was);
    }
    if (errno == E2BIG)
        return fail(Exit::refused,
                    fmt::format("table {}: there is no room for all that the tables in use hold: "
                                "raise the limits, or run `weir detach` first; it ends the flows",
                                to.name));
    if (errno != EEXIST)
        return map_error(to.name, "take over an entry", errno);
    return siblings != nullptr ? merge_into(to, *siblings, tables, key, was) : Result<bool>(false);
}

}  // namespace weir
