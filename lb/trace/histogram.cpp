#include "lb/trace/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lb/cli/table.h"

namespace weir {
namespace {

constexpr std::size_t kToAPower = 4;  // buckets to a power of two

// The first time that is not in the bucket any more; 0: it has no end.
std::uint64_t end_of(std::size_t bucket) {
    return bucket + 1 < WEIR_TRACE_BUCKETS ? weir_trace_bucket_begin(bucket + 1) : 0;
}

}  // namespace

void Histogram::add(const weir_trace_times &times) {
    for (std::size_t i = 0; i < buckets_.size(); i++) {
        buckets_.at(i) += times.buckets[i];
        count_ += times.buckets[i];
    }
    sum_ += times.sum;
    max_ = std::max<std::uint64_t>(max_, times.max);
}

void Histogram::add(const Histogram &other) {
    for (std::size_t i = 0; i < buckets_.size(); i++)
        buckets_.at(i) += other.buckets_.at(i);
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::percentile(double percent) const {
    const auto wanted =
        static_cast<std::uint64_t>(std::ceil(static_cast<double>(count_) * percent / 100));
    std::uint64_t calls = 0;
    for (std::size_t i = 0; i < buckets_.size(); i++) {
        calls += buckets_.at(i);
        if (calls < wanted || calls == 0)
            continue;
        const auto end = end_of(i);
        return end == 0 ? max_ : std::min(max_, end - 1);
    }
    return max_;
}

std::vector<Histogram::Range> Histogram::ranges() const {
    std::vector<Range> ranges;
    std::size_t used = 0;
    for (std::size_t first = 0; first < buckets_.size(); first += kToAPower) {
        Range range{weir_trace_bucket_begin(first), end_of(first + kToAPower - 1)};
        for (std::size_t i = first; i < first + kToAPower; i++)
            range.calls += buckets_.at(i);
        if (range.calls == 0 && ranges.empty())
            continue;
        ranges.push_back(range);
        if (range.calls != 0)
            used = ranges.size();
    }
    ranges.resize(used);
    return ranges;
}

std::string format_time(std::uint64_t ns) {
    const auto with = [](double value, const char *unit) {
        return fmt::format("{:.{}f} {}", value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, unit);
    };
    const auto value = static_cast<double>(ns);
    if (ns < 1000)
        return fmt::format("{} ns", ns);
    if (value < 999.5e3)
        return with(value / 1e3, "us");
    if (value < 999.5e6)
        return with(value / 1e6, "ms");
    if (value < 99.95e9)
        return with(value / 1e9, "s");
    return format_duration(value / 1e9);
}

}  // namespace weir
