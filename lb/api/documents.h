// The documents of the admin API, /v1. Endpoints are text ("192.0.2.10:443"), times are unix
// seconds, and counters whole numbers; fields are added, never renamed.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "lb/stats/snapshot.h"

namespace weir {

// Keeps the order in which a document was written.
using Json = nlohmann::ordered_json;

Json status_document(const DaemonInfo &info, const Snapshot &snapshot,
                     std::chrono::system_clock::time_point now);
Json services_document(const Snapshot &snapshot);
Json backends_document(const Snapshot &snapshot);
// One entry of /v1/flows. `service` is null when the flow's service is gone from the configuration.
Json flow_document(const Flow &flow, const std::optional<std::string> &service);
Json error_document(const std::string &message);

}  // namespace weir
