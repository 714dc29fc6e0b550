#include "lb/trace/tally.h"

#include <algorithm>
#include <cstring>

#include "lb/trace/calls.h"

namespace weir {
namespace {

std::size_t histograms_of(const TraceCalls &calls) {
    return 1 + calls.errors.size();
}

void merge(TraceCalls &to, const TraceCalls &from) {
    to.done.add(from.done);
    for (const auto &[error, times] : from.errors)
        to.errors[error].add(times);
    to.waiting += from.waiting;
    to.longest = std::max(to.longest, from.longest);
}

}  // namespace

std::uint64_t TraceCalls::count() const {
    return done.count() + again() + failed();
}

std::uint64_t TraceCalls::again() const {
    std::uint64_t count = 0;
    for (const auto &[error, times] : errors)
        count += is_again(error) ? times.count() : 0;
    return count;
}

std::uint64_t TraceCalls::failed() const {
    std::uint64_t count = 0;
    for (const auto &[error, times] : errors)
        count += is_again(error) ? 0 : times.count();
    return count;
}

std::uint64_t TraceCalls::time() const {
    std::uint64_t sum = done.sum();
    for (const auto &[error, times] : errors)
        sum += times.sum();
    return sum;
}

void Tally::add(const TraceReading &reading) {
    readings_++;
    for (const auto &[key, times] : reading.ended) {
        TraceCalls &calls = of({process_of(key.pid, key.comm), static_cast<weir_call>(key.call)});
        if (key.error == 0) {
            calls.done.add(times);
            continue;
        }
        const auto before = calls.errors.size();
        calls.errors[key.error].add(times);
        histograms_ += calls.errors.size() - before;
    }
    note_waiting(reading);
    unseen_ = reading.unseen;
    if (histograms_ > most_)
        put_idle_together();
}

void Tally::note_waiting(const TraceReading &reading) {
    for (auto &[key, calls] : calls_)
        calls.waiting = calls.longest = 0;
    for (const weir_trace_begun &one : reading.waiting) {
        TraceCalls &calls = of({process_of(one.pid, one.comm), static_cast<weir_call>(one.call)});
        calls.waiting++;
        // one that began after the clock was read waits for 0
        calls.longest =
            std::max(calls.longest, reading.now - std::min<std::uint64_t>(reading.now, one.at));
    }
}

TraceProcess Tally::process_of(std::uint32_t pid, const char *comm) const {
    return {by_name_ ? 0 : pid, std::string(comm, ::strnlen(comm, WEIR_COMM_SIZE))};
}

TraceCalls &Tally::of(const Key &key) {
    const auto [place, added] = calls_.try_emplace(key);
    histograms_ += added ? 1 : 0;
    seen_[key.first] = readings_;
    return place->second;
}

// Those that did nothing for the longest time, until half of the room is free: not at every
// reading.
void Tally::put_idle_together() {
    const TraceProcess others{0, kOthers};
    std::vector<std::pair<std::uint64_t, TraceProcess>> idle;
    for (const auto &[process, reading] : seen_)
        if (process != others)
            idle.emplace_back(reading, process);
    std::sort(idle.begin(), idle.end());
    for (const auto &[reading, process] : idle) {
        if (histograms_ <= most_ / 2)
            return;
        for (auto at = calls_.lower_bound({process, weir_call{}});
             at != calls_.end() && at->first.first == process; at = calls_.erase(at)) {
            TraceCalls &all = of({others, at->first.second});
            const auto before = histograms_of(all);
            merge(all, at->second);
            histograms_ += histograms_of(all) - before;
            histograms_ -= histograms_of(at->second);
        }
        seen_.erase(process);
        put_together_++;
    }
}

}  // namespace weir
