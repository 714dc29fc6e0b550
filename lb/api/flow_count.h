// GET /v1/flows/count: how many flows there are, of each client, backend, ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "lb/api/flow_query.h"

namespace weir {

struct FlowCountQuery {
    FlowFilter filter{};
    std::optional<FlowField> by{};  // none: how many in all
    std::size_t limit = kFlowsDefaultLimit;
};

// Query keys: those of the filters, by (a field; not idle), and limit, the most groups that are
// told. Exit::usage.
Result<FlowCountQuery> parse_flow_count(const Query &query, const Inventory &inventory);

// What a field of a flow is: an address (with a port), or a number.
struct FlowGroup {
    Address address;
    std::uint32_t number = 0;

    bool operator==(const FlowGroup &) const = default;
};

struct FlowGroupHash {
    std::size_t operator()(const FlowGroup &group) const;
};

// How often what was seen, of the most frequent. Bounded: after more than `capacity` different
// groups those that are left are candidates, whose counts are too low (Misra and Gries, "Finding
// repeated elements", 1982). Every group with more than one in `capacity` of all is among them, so
// that a second pass over the same input makes their counts right.
class FlowGroups {
  public:
    explicit FlowGroups(std::size_t capacity) : capacity_(capacity) {}

    void add(const FlowGroup &group);
    bool exact() const { return exact_; }
    // From here on only those that are there count, from 0 on.
    void begin_second_pass();
    const std::unordered_map<FlowGroup, std::uint64_t, FlowGroupHash> &counts() const {
        return counts_;
    }

  private:
    void make_room();

    std::size_t capacity_;
    bool exact_ = true;
    bool second_ = false;
    std::unordered_map<FlowGroup, std::uint64_t, FlowGroupHash> counts_;
};

// {"flows": N, "by": FIELD, "groups": [{"value": TEXT, "flows": N, "share": X}], "others": N,
//  "truncated": BOOL}: the largest groups first; `others` are the flows of those that are not told.
// Without a field, `by` is null and there are no groups. `truncated` says that the time ended it.
Result<std::string> count_document(const FlowWalk &walk, const FlowCountQuery &query,
                                   const ServiceNames &names, const GoOn &go_on);

}  // namespace weir
