// /v1/history and /v1/events: rates of the last minutes, and what happened. Both are asked again
// and again for what came since.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "lb/api/documents.h"
#include "lb/stats/history.h"
#include "lb/stats/notices.h"

namespace weir {

// Samples times services in one answer, so that the daemon is not held up: where there are more
// services than this allows, there are fewer minutes.
inline constexpr std::size_t kMostHistoryPoints = 60000;

struct HistoryQuery {
    std::uint64_t after = 0;               // samples of higher numbers; 0: all
    std::optional<std::string> service{};  // only this one
};

// Query keys: after (a number), service (a name). Exit::usage for another key or a value that is
// none.
Result<HistoryQuery> parse_history_query(const std::map<std::string, std::string> &query,
                                         const Inventory &inventory);
// The one key: after. Exit::usage.
Result<std::uint64_t> parse_events_query(const std::map<std::string, std::string> &query);

// `started`: of the daemon. The numbers of samples and events begin anew with it.
using Started = std::chrono::system_clock::time_point;
Json history_document(const History &history, Started started, const HistoryQuery &query);
Json events_document(const Notices &notices, Started started, std::uint64_t after);

}  // namespace weir
