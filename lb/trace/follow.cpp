#include "lb/trace/follow.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

using Clock = std::chrono::steady_clock;

// What was seen so far.
class Looks {
  public:
    Looks(SocketTrace &trace, bool by_name)
        : trace_(trace), by_name_(by_name), all_(by_name), last_(by_name) {}

    Result<void> look() {
        const auto reading = trace_.read();
        if (!reading)
            return tl::make_unexpected(reading.error());
        const auto now = Clock::now();
        last_seconds_ = std::chrono::duration<double>(now - std::exchange(at_, now)).count();
        last_ = Tally(by_name_);
        last_.add(*reading);
        all_.add(*reading);
        return {};
    }
    TraceView view() const {
        return {all_, std::chrono::duration<double>(at_ - begin_).count(), last_, last_seconds_};
    }
    Clock::time_point begin() const { return begin_; }

  private:
    SocketTrace &trace_;
    bool by_name_;
    Clock::time_point begin_ = Clock::now();
    Clock::time_point at_ = begin_;
    double last_seconds_ = 0;
    Tally all_, last_;
};

// Waits for the next look, and does what is wanted meanwhile. False: it is over.
bool wait(const Waiter &waiter, Clock::time_point next, TraceOutput &output) {
    while (true) {
        switch (waiter.wait(next, output.keys())) {
            case Wakeup::time:
                return true;
            case Wakeup::over:
                return false;
            case Wakeup::keys:
                if (!output.press())
                    return false;
                break;
            case Wakeup::resized:
                output.resize();
                break;
        }
    }
}

}  // namespace

Result<void> follow(SocketTrace &trace, const Waiter &waiter, const FollowOptions &options,
                    TraceOutput &output) {
    Looks looks(trace, options.by_name);
    const auto end =
        options.duration ? looks.begin() + *options.duration : Clock::time_point::max();
    auto next = looks.begin();
    bool more = true;
    for (std::uint64_t intervals = 1; more; intervals++) {
        // one that came late is not made up for
        next = std::max(next + options.interval, Clock::now());
        more =
            wait(waiter, std::min(next, end), output) && next < end && intervals != options.count;
        // the last one may be a part of an interval: together they are all
        if (auto done = looks.look(); !done)
            return done;
        if (!output.show(looks.view()))
            return {};
    }
    output.end(looks.view());
    return {};
}

}  // namespace weir
