// Who changed what.
#pragma once

#include "lb/api/http.h"

namespace weir {

// Has `handler` answer, and logs every request that it carried out and that was no GET: "PATCH
// /v1/services/web/... by CN=ops from 203.0.113.9".
HttpHandler log_changes(HttpHandler handler);

}  // namespace weir
