// /v1/backends: which backends are asked for, and the document that answers.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "lb/api/documents.h"
#include "lb/stats/snapshot.h"

namespace weir {

struct BackendFilter {
    std::optional<std::string> service{};
    bool attention = false;              // only those of wants_attention()
    std::optional<std::size_t> limit{};  // none: all
};

// Query keys: service (a name), attention=true, limit (1..). Exit::usage for another key or a value
// that is none.
Result<BackendFilter> parse_backend_filter(const std::map<std::string, std::string> &query,
                                           const Inventory &inventory);

// {"backends": [...], "truncated": BOOL}; truncated says that there are more than the limit.
Json backends_document(const Snapshot &snapshot, const BackendViews &views,
                       const BackendFilter &filter = {});

}  // namespace weir
