// Families of metrics, as the files that make them need them.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "lb/health/check_times.h"
#include "lb/stats/snapshot.h"

namespace weir {

using Labels = std::initializer_list<std::pair<const char *, std::string>>;

prometheus::MetricFamily family(const char *name, const char *help, prometheus::MetricType type);
// To a family of counters or of gauges.
void add(prometheus::MetricFamily &to, const Labels &labels, double value);
void add(prometheus::MetricFamily &to, const Labels &labels, std::uint64_t value);

// All that is told of services and their backends.
void append_services(std::vector<prometheus::MetricFamily> &all, const Snapshot &snapshot,
                     const BackendViews &views, const AllCheckTimes &checks);

}  // namespace weir
