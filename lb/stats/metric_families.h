// Families of metrics, as the files that make them need them.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
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

// All that is told of the sockets of local programs.
void append_sockets(std::vector<prometheus::MetricFamily> &all, const SocketSnapshot &seen);

// A histogram of one service. `buckets` has one more than `bounds`: those that are above.
template <typename Buckets, typename Bounds>
void add_histogram(prometheus::MetricFamily &to, const std::string &service, const Buckets &buckets,
                   const Bounds &bounds, double sum) {
    prometheus::ClientMetric metric;
    metric.label.push_back({"service", service});
    auto bucket = std::begin(buckets);
    for (const double bound : bounds) {
        metric.histogram.sample_count += *bucket++;
        metric.histogram.bucket.push_back({metric.histogram.sample_count, bound});
    }
    metric.histogram.sample_count += *bucket;
    metric.histogram.bucket.push_back(
        {metric.histogram.sample_count, std::numeric_limits<double>::infinity()});
    metric.histogram.sample_sum = sum;
    to.metric.push_back(std::move(metric));
}
// One whose buckets are WEIR_LATENCY_BOUNDS, in seconds.
void add_latency(prometheus::MetricFamily &to, const std::string &service,
                 const weir_latency &seen);

}  // namespace weir
