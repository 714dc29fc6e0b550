#include "lb/health/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "lb/config/duration.h"

namespace weir {

namespace {

// A share of the interval, in hundredths.
constexpr int kJitter = 10;
// At most, from the start of a check that could not be made to the next.
constexpr std::chrono::milliseconds kRetry{1000};

}  // namespace

std::chrono::nanoseconds jittered(std::chrono::milliseconds interval, std::mt19937_64 &random) {
    const auto whole = std::chrono::nanoseconds(interval).count();
    std::uniform_int_distribution<std::int64_t> less(0, whole * kJitter / 100);
    return std::chrono::nanoseconds(whole - less(random));
}

const std::shared_ptr<Slots> &CheckContext::slots_of(CheckType type) const {
    switch (type) {
        case CheckType::https:
            return handshakes;
        case CheckType::exec:
            return programs;
        default:
            return sockets;
    }
}

Check::Check(std::shared_ptr<CheckContext> context, BackendKey key, CheckTarget target,
             CheckConfig config)
    : context_(std::move(context)),
      key_(std::move(key)),
      target_(std::move(target)),
      config_(std::move(config)),
      judgement_(config_->rise, config_->fall),
      timer_(context_->tools->loop) {}

void Check::start(std::chrono::milliseconds delay) {
    plan(Clock::now() + delay, &Check::wait_for_slot);
}

void Check::stop() {
    stopped_ = true;
    ++planned_;
    timer_.cancel();
    if (const auto probe = std::exchange(probe_, nullptr))
        probe->cancel();
}

void Check::inherit(const Judgement &judgement) {
    judgement_ = judgement;
    judgement_.change(config_->rise, config_->fall);
}

void Check::plan(Clock::time_point time, void (Check::*next)()) {
    timer_.expires_at(time);
    // A timer that was set anew may have its old handler on its way already.
    timer_.async_wait([weak = weak_from_this(), next, mine = ++planned_](auto error) {
        const auto self = weak.lock();
        if (!error && self && self->planned_ == mine)
            (*self.*next)();
    });
}

void Check::wait_for_slot() {
    context_->slots_of(config_->type)->ask([weak = weak_from_this()](Slot slot) {
        const auto self = weak.lock();
        if (self && !self->stopped_)
            self->run(std::move(slot));
    });
}

void Check::run(Slot slot) {
    started_ = Clock::now();
    plan(started_ + config_->timeout, &Check::overdue);
    const auto probe = make_probe(context_->tools, target_, config_);
    probe_ = probe;
    probe->start(std::move(slot), [weak = weak_from_this()](const CheckOutcome &outcome) {
        if (const auto self = weak.lock())
            self->ended(outcome);
    });
}

void Check::overdue() {
    const auto probe = std::exchange(probe_, nullptr);
    probe->cancel();
    // the answer may have come while this process was busy
    if (Clock::now() - started_ > config_->timeout + config_->timeout / 2)
        return ended(CheckOutcome::not_made(probe->step() + ": the checker itself was late"));
    ended(CheckOutcome::failed(
        fmt::format("{}: no answer within {}", probe->step(), print_duration(config_->timeout))));
}

void Check::ended(const CheckOutcome &outcome) {
    const auto now = Clock::now();
    probe_.reset();
    // Nothing was learnt of the backend by a check that could not be made: the next one is soon.
    const bool made = outcome.kind != CheckOutcome::Kind::not_made;
    const auto rest = made ? config_->interval : std::min(config_->interval, kRetry);
    const auto interval = jittered(rest, context_->jitter);
    plan(std::max(now, started_ + std::chrono::duration_cast<Clock::duration>(interval)),
         &Check::wait_for_slot);
    if (!made)
        context_->note_not_made(key_, outcome.reason);
    const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(now - started_);
    context_->times[key_.service].count(outcome.kind, duration);
    if (judgement_.count(outcome, duration, std::chrono::system_clock::now()))
        context_->report(key_, *judgement_.status().up, outcome.reason);
}

}  // namespace weir
