#include "lb/dataplane/merge.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lb/dataplane/map_access.h"

namespace weir {

namespace {

// Whether the old entry of a flow says more than the new one, which may have met packets since, or
// be that of a connection that has started over.
bool knows_more(const weir_flow &was, const weir_flow &is) {
    const bool same_target = was.sport == is.sport && was.dport == is.dport &&
                             std::memcmp(&was.saddr, &is.saddr, sizeof was.saddr) == 0 &&
                             std::memcmp(&was.daddr, &is.daddr, sizeof was.daddr) == 0;
    if (!same_target)
        return was.seen > is.seen;
    return was.state > is.state && (was.state != WEIR_FLOW_CLOSED || was.seen >= is.seen);
}

// A flow is in one of two tables, before its promotion and after it, and the same tuple may have
// been another flow's since: of two entries the one that knows more stays. Called when both are
// written, so that none that a packet makes meanwhile goes unseen.
void settle(int written, int other, const std::vector<std::byte> &key, const weir_flow &was) {
    weir_flow is{};
    if (bpf_map_lookup_elem(other, key.data(), &is) == 0)
        bpf_map_delete_elem(knows_more(was, is) ? other : written, key.data());
}

}  // namespace

int sibling_of(const Table &table, const Objects &objects) {
    const bool fresh = table.name.find("_new_") != std::string::npos;
    const std::string name =
        (fresh ? "flows_" : "flows_new_") + table.name.substr(table.name.size() - 2);
    for (const Table &one : objects.pinned())
        if (one.name == name)
            return one.fd;
    return -1;
}

Result<bool> put_entry(const Table &to, std::optional<int> sibling, NewTables tables,
                       const std::vector<std::byte> &key, const std::vector<std::byte> &value) {
    weir_flow was{};
    weir_flow is{};
    if (sibling)
        std::memcpy(&was, value.data(), sizeof was);
    if (was.state == WEIR_FLOW_CLOSED && tables == NewTables::in_use &&
        bpf_map_lookup_elem(to.fd, key.data(), &is) != 0)
        return false;
    if (bpf_map_update_elem(to.fd, key.data(), value.data(), BPF_NOEXIST) == 0) {
        if (sibling)
            settle(to.fd, *sibling, key, was);
        return true;
    }
    if (errno == E2BIG)
        return fail(Exit::refused,
                    fmt::format("table {}: there is no room for all that the tables in use hold: "
                                "raise the limits, or run `weir detach` first; it ends the flows",
                                to.name));
    if (errno != EEXIST)
        return map_error(to.name, "take over an entry", errno);
    if (!sibling || bpf_map_lookup_elem(to.fd, key.data(), &is) != 0 || !knows_more(was, is))
        return false;
    was.seen = std::max(was.seen, is.seen);
    if (bpf_map_update_elem(to.fd, key.data(), &was, BPF_EXIST) == 0)
        return true;
    if (errno == ENOENT)
        return false;  // a packet was faster
    return map_error(to.name, "take over a flow", errno);
}

}  // namespace weir
