// What libbpf and libxdp print goes to the log, at debug level: the error that a user sees names
// the matter without it.
#pragma once

namespace weir {

void route_library_logs();

}  // namespace weir
