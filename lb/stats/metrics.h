// The metrics, by the names that dashboards rely on. Counters live in the data plane's tables and
// are read at scrape time, so a restart of the daemon does not reset them.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <vector>

#include "lb/health/check_times.h"
#include "lb/stats/snapshot.h"

namespace weir {

std::vector<prometheus::MetricFamily> to_metrics(const Snapshot &snapshot, const DaemonInfo &info,
                                                 const BackendViews &views,
                                                 const AllCheckTimes &checks);

// Collects what `source` tells at that moment; nothing at all when it fails.
class Exporter : public prometheus::Collectable {
  public:
    using Source = std::function<std::vector<prometheus::MetricFamily>()>;
    explicit Exporter(Source source) : source_(std::move(source)) {}

    std::vector<prometheus::MetricFamily> Collect() const override { return source_(); }
    // The text exposition format, version 0.0.4; empty when nothing was collected.
    std::string text() const;

  private:
    Source source_;
};

}  // namespace weir
