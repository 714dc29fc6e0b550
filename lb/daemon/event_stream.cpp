#include "lb/daemon/event_stream.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

#include "lb/dataplane/flow_table.h"

namespace weir {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kMostWatchers = 16;
constexpr std::uint32_t kMostPerSecond = 20000;  // events, of all CPUs together
constexpr std::uint32_t kLeastPerCpu = 1000;
constexpr std::chrono::milliseconds kEventPause{50};  // between two looks into the ring
constexpr std::chrono::seconds kRenewal{1};
constexpr std::chrono::seconds kWatched{5};  // the data path tells for so long without a renewal

nanoseconds monotonic_now() {
    return data_path_now(-1);
}

}  // namespace

EventStream::EventStream(boost::asio::io_context &loop, const Tables &tables,
                         std::function<const Inventory &()> inventory)
    : tables_(tables), inventory_(std::move(inventory)), timer_(loop) {}

EventStream::~EventStream() {
    for (const Watcher &one : watchers_)
        one.body->end();
    if (!watchers_.empty())
        stop();
}

Result<std::shared_ptr<HttpBody>> EventStream::watch(EventFilter filter) {
    if (watchers_.size() == kMostWatchers)
        return fail(Exit::failed, fmt::format("{} others watch already: end one", kMostWatchers));
    if (!ring_) {
        auto ring = EventRing::open(tables_.maps().events);
        if (!ring)
            return tl::make_unexpected(ring.error());
        ring_ = std::move(*ring);
    }
    const bool first = watchers_.empty();
    auto body = std::make_shared<HttpBody>();
    watchers_.push_back({std::move(filter), body});
    if (first)
        begun_ =
            monotonic_now() - kEventPause;  // the data path's clock is some milliseconds behind
    if (auto renewed = renew(monotonic_now()); !renewed) {
        watchers_.pop_back();
        return tl::make_unexpected(renewed.error());
    }
    if (first) {
        told_ = tables_.event_stats().value_or(EventStats{});
        wait();
    }
    return body;
}

void EventStream::wait() {
    timer_.expires_after(kEventPause);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error)
            look();
    });
}

void EventStream::look() {
    const auto now = monotonic_now();
    auto done = take();
    if (done && now - renewed_ >= kRenewal) {
        tell_missing();
        done = renew(now);
    }
    if (!done) {
        spdlog::error("events cannot be watched: {}", done.error().message);
        for (const Watcher &one : watchers_)
            one.body->end();
        watchers_.clear();
    }
    watchers_.erase(std::remove_if(watchers_.begin(), watchers_.end(),
                                   [](const Watcher &one) { return one.body->gone(); }),
                    watchers_.end());
    watchers_.empty() ? stop() : wait();
}

Result<void> EventStream::take() {
    const auto ahead = std::chrono::system_clock::now().time_since_epoch() - monotonic_now();
    std::optional<EventNames> names;
    return ring_->take([&](const FlowEvent &event) {
        if (event.time < begun_)
            return;
        if (!names)
            names.emplace(inventory_());
        give(event, *names, ahead);
    });
}

void EventStream::give(const FlowEvent &event, const EventNames &names, nanoseconds ahead) {
    std::string line;
    for (Watcher &one : watchers_) {
        if (!one.filter.matches(event))
            continue;
        if (line.empty())
            line = event_document(event, names, ahead)
                       .dump(-1, ' ', false, Json::error_handler_t::replace) +
                   "\n";
        if (!one.body->write(line))
            one.slow++;
    }
}

// The union of what is asked for: each watcher gets its own part.
Result<void> EventStream::renew(nanoseconds now) {
    weir_watch wanted{};
    wanted.until = static_cast<std::uint64_t>((now + kWatched).count());
    wanted.per_second = std::max(
        kLeastPerCpu, kMostPerSecond / static_cast<std::uint32_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
    for (const Watcher &one : watchers_)
        wanted.kinds |= one.filter.kinds;
    renewed_ = now;
    return tables_.watch(wanted);
}

// An empty line when nothing is missing: it finds out whether the reader is still there.
void EventStream::tell_missing() {
    const auto stats = tables_.event_stats().value_or(told_);
    const EventStats since{stats.sampled - told_.sampled, stats.full - told_.full};
    told_ = stats;
    for (Watcher &one : watchers_) {
        const bool missing = since.sampled + since.full + one.slow != 0;
        const auto line =
            missing ? missing_document(since, one.slow, std::chrono::system_clock::now()).dump()
                    : std::string();
        if (one.body->write(line + "\n"))
            one.slow = 0;
    }
}

void EventStream::stop() {
    if (auto stopped = tables_.watch({}); !stopped)
        spdlog::warn("{}", stopped.error().message);
}

}  // namespace weir
