// What was read of the trace, added up by process and call. Pure, and bounded (I11).
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi_trace.h"
#include "lb/trace/histogram.h"

namespace weir {

// Calls that are in no histogram.
struct TraceUnseen {
    std::uint64_t begun = 0;    // enum weir_trace_unseen
    std::uint64_t times = 0;    //
    std::uint64_t end = 0;      //
    std::uint64_t skipped = 0;  // runs of the programs that the kernel left out; known from 6.7 on
};

// What happened from one look to the next.
struct TraceReading {
    std::vector<std::pair<weir_trace_key, weir_trace_times>> ended;
    std::vector<weir_trace_begun> waiting;  // of now
    std::uint64_t now = 0;                  // CLOCK_MONOTONIC, ns
    TraceUnseen unseen;                     // since the trace began
};

struct TraceProcess {
    std::uint32_t pid = 0;  // 0: several of them
    std::string comm;
    auto operator<=>(const TraceProcess &) const = default;
};

// The calls of one kind of one process.
struct TraceCalls {
    Histogram done;
    std::map<int, Histogram> errors;  // by errno
    std::uint64_t waiting = 0;        // calls that have not ended
    std::uint64_t longest = 0;        // for how long the oldest of them, ns

    std::uint64_t count() const;  // that ended
    std::uint64_t again() const;  // by is_again()
    std::uint64_t failed() const;
    std::uint64_t time() const;  // ns, of all that ended
};

class Tally {
  public:
    using Key = std::pair<TraceProcess, weir_call>;
    static constexpr std::size_t kMostHistograms = 16384;  // 17 MB
    static constexpr const char *kOthers = "(others)";

    // `by_name`: processes of one name count together.
    explicit Tally(bool by_name = false, std::size_t most = kMostHistograms)
        : by_name_(by_name), most_(most) {}

    void add(const TraceReading &reading);

    const std::map<Key, TraceCalls> &calls() const { return calls_; }
    const TraceUnseen &unseen() const { return unseen_; }
    // Processes that have been put together under kOthers, for there were too many.
    std::uint64_t put_together() const { return put_together_; }

  private:
    void note_waiting(const TraceReading &reading);
    void put_idle_together();
    TraceProcess process_of(std::uint32_t pid, const char *comm) const;
    TraceCalls &of(const Key &key);

    bool by_name_;
    std::size_t most_;
    std::map<Key, TraceCalls> calls_;
    std::map<TraceProcess, std::uint64_t> seen_;  // in which reading last
    std::uint64_t readings_ = 0;
    std::size_t histograms_ = 0;
    std::uint64_t put_together_ = 0;
    TraceUnseen unseen_;
};

}  // namespace weir
