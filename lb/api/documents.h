// The documents of the admin API, /v1. Endpoints are text ("192.0.2.10:443"), times are unix
// seconds, and counters whole numbers; fields are added, never renamed.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "lb/model/roster.h"
#include "lb/stats/snapshot.h"

namespace weir {

// Keeps the order in which a document was written.
using Json = nlohmann::ordered_json;

// `overrides`: how many there are.
Json status_document(const DaemonInfo &info, const Snapshot &snapshot, std::size_t overrides,
                     std::chrono::system_clock::time_point now);
Json services_document(const Snapshot &snapshot, const BackendViews &views);
Json backend_document(const ServiceSnapshot &service, const BackendSnapshot &backend,
                      const BackendView &view);
// What is known of a backend; of one that the configuration does not name, its weight only.
BackendView view_of(const BackendViews &views, const ServiceSnapshot &service,
                    const BackendSnapshot &backend);
// An operator should know of it: it is not active, or kept in use although its checks fail, or
// overridden, or cannot be checked.
bool wants_attention(const BackendView &view);
double unix_seconds(std::chrono::system_clock::time_point time);
Json overrides_document(const Overrides &overrides, const BackendViews &views);
// The answer to a change of one: what is in force now, and what the operator should know (null:
// nothing).
Json change_document(const BackendKey &key, const BackendView &view, const std::string &warning);
Json removal_document(std::size_t removed, const std::string &warning);
Json reload_document(const ReloadStatus &reload);
Json error_document(const std::string &message);

// As text. Names come from a file that may hold any bytes: what is no UTF-8 is replaced.
std::string dump(const Json &document);

}  // namespace weir
