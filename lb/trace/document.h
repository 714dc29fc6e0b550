// The trace as JSON, an object for each time that is told of. Pure.
#pragma once

#include "lb/api/documents.h"
#include "lb/trace/text.h"

namespace weir {

// `time`: unix seconds, the end of the time that is told of. `end`: of all that was traced.
Json trace_document(const Tally &tally, double time, double seconds, bool end,
                    const TraceLook &look);

}  // namespace weir
