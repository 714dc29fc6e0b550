// GET and DELETE /v1/flows: the documents that answer. A walk of a full table takes seconds, so it
// runs beside the event loop, and is bounded in results and in time.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "lb/api/documents.h"
#include "lb/api/flow_filter.h"

namespace weir {

inline constexpr std::size_t kFlowsDefaultLimit = 1000;
inline constexpr std::size_t kFlowsMaximumLimit = 100000;
// A page ends after so many flows, and with what was read together with the last of them.
inline constexpr std::size_t kFlowsPage = 10000;

// Asked every now and then: whether there is time to go on.
using GoOn = std::function<bool()>;
// Calls the last one for every flow from a position on, as Tables::for_each_flow() does.
using FlowWalk = std::function<Result<std::optional<FlowPosition>>(
    const FlowPosition &, const GoOn &, const std::function<void(const Flow &)> &)>;
// Deletes the flows for which the first one is true, for as long as the second is.
using FlowFlush =
    std::function<Result<FlowDeletion>(const std::function<bool(const Flow &)> &, const GoOn &)>;

struct FlowSort {
    FlowField field = FlowField::client;
    bool descending = false;
};

struct FlowQuery {
    FlowFilter filter{};
    std::size_t limit = kFlowsDefaultLimit;
    std::optional<FlowSort> sort{};
    std::optional<FlowPosition> page{};  // one page, from there on
};

// Query keys: those of the filters, limit, sort (a field, descending with "-" before it), and page
// ("start" or the `next` of the page before), which goes with neither. Exit::usage.
Result<FlowQuery> parse_flow_query(const Query &query, const Inventory &inventory);

// The names of the services by their ids.
class ServiceNames {
  public:
    explicit ServiceNames(const Inventory &inventory);

    // Nothing for one that is gone from the configuration.
    const std::string *find(std::uint32_t id) const;

  private:
    std::unordered_map<std::uint32_t, std::string> names_;
};

// {"flows": [...], "truncated": BOOL, "out_of_time": BOOL, "next": TEXT}, as text: a tenth of the
// memory that it takes as values. `truncated` says that there are more; `next`, of a page only,
// where the following one begins. Sorted, they are the first ones of all, found in room for no more
// than the limit; those of `out_of_time` are the first of what was seen by then.
Result<std::string> flows_document(const FlowWalk &walk, const FlowQuery &query,
                                   const ServiceNames &names, const GoOn &go_on);

// {"deleted": N, "truncated": BOOL}; truncated says that the time ended it.
Result<std::string> flush_document(const FlowFlush &flush, const FlowFilter &filter,
                                   const GoOn &go_on);

}  // namespace weir
