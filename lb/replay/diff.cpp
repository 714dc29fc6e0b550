#include "lb/replay/diff.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <utility>

#include "lb/replay/history.h"
#include "lb/replay/report.h"
#include "lb/replay/session.h"

namespace weir {

namespace {

constexpr std::size_t kTold = 10;

std::string what_becomes(const Outcome &outcome) {
    if (outcome.verdict == Verdict::drop)
        return fmt::format("dropped ({})", outcome.reason.value_or("no reason given"));
    if (outcome.backend)
        return *outcome.backend;
    return outcome.reason ? fmt::format("answered ({})", *outcome.reason) : "no service's";
}

std::string list(const std::map<std::string, std::uint64_t> &counts) {
    return counts.empty() ? "0" : list_counts(counts);
}

class Diff {
  public:
    void add(std::uint64_t index, const Frame &in, const Outcome &before, const Outcome &after,
             Resolution resolution) {
        result_.frames++;
        count_drops(before, after);
        count_flow(before, after);
        const bool same = before.verdict == after.verdict && before.reason == after.reason &&
                          before.backend == after.backend;
        // replies in a capture are those of the backends that there were
        if (same || before.flow == FlowTrace::reply || after.flow == FlowTrace::reply)
            return;
        const auto ends = ends_of(in.bytes);
        if (ends && !told_.insert({ends->source, ends->destination}).second)
            return;
        if (result_.lines.size() < kTold)
            result_.lines.push_back(fmt::format(
                "frame {} at {}{}: {}, then {}", index, format_time(in.time, resolution),
                ends ? fmt::format(", {} -> {}", ends->source.to_string(),
                                   ends->destination.to_string())
                     : "",
                what_becomes(before), what_becomes(after)));
        else
            more_++;
    }

    DiffResult finish() {
        if (more_ != 0)
            result_.lines.push_back(fmt::format("... and {} more", more_));
        return std::move(result_);
    }

  private:
    void count_drops(const Outcome &before, const Outcome &after) {
        const bool was = before.verdict == Verdict::drop;
        const bool is = after.verdict == Verdict::drop;
        if (is && !was)
            result_.dropped[after.reason.value_or("no reason given")]++;
        if (was && !is)
            result_.spared[before.reason.value_or("no reason given")]++;
    }

    void count_flow(const Outcome &before, const Outcome &after) {
        const bool was = before.flow == FlowTrace::opened;
        const bool is = after.flow == FlowTrace::opened;
        if (was || is)
            result_.flows++;
        if (was && is && before.backend != after.backend)
            result_.moved++;
        if (is && !was)
            result_.gained++;
        if (was && !is)
            result_.lost++;
    }

    DiffResult result_;
    std::set<std::pair<Endpoint, Endpoint>> told_;
    std::uint64_t more_ = 0;
};

Result<void> step(Diff &diff, Session &before, Session &after, std::uint64_t index,
                  const Frame &frame, Resolution resolution) {
    return before.run(frame).and_then([&](const Outcome &was) {
        return after.run(frame).map(
            [&](const Outcome &is) { diff.add(index, frame, was, is, resolution); });
    });
}

}  // namespace

std::string DiffResult::to_string() const {
    return fmt::format(
        "{} of {} flows move, {} more are served, {} fewer; frames that are dropped "
        "from now on: {}; no longer: {}",
        moved, flows, gained, lost, list(dropped), list(spared));
}

Result<DiffResult> diff(const Config &before, const Config &after, const std::string &input) {
    auto capture = CaptureReader::open(input, before.replay.mac);
    if (!capture)
        return tl::make_unexpected(capture.error());
    const CpuPin pin;
    auto one = Session::create(before);
    auto other = one.and_then([&](Session &) { return Session::create(after); });
    if (!other)
        return tl::make_unexpected(other.error());
    Diff diff;
    Frame frame;
    for (std::uint64_t index = 1;; index++) {
        const auto more = capture->next(frame);
        if (!more)
            return tl::make_unexpected(more.error());
        if (!*more)
            return diff.finish();
        if (auto done = step(diff, *one, *other, index, frame, capture->resolution()); !done)
            return fail(done.error().exit,
                        fmt::format("{}: frame {}: {}", input, index, done.error().message));
    }
}

}  // namespace weir
