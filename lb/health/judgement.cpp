#include "lb/health/judgement.h"

#include <limits>

namespace weir {

namespace {

// Counts that are shown for a year must not wrap around to "never".
void count_one(std::uint32_t &count) {
    if (count != std::numeric_limits<std::uint32_t>::max())
        ++count;
}

}  // namespace

bool Judgement::count(const CheckOutcome &outcome, std::chrono::microseconds duration,
                      std::chrono::system_clock::time_point now) {
    if (outcome.kind == CheckOutcome::Kind::not_made) {
        status_.trouble = outcome.reason;
        return false;
    }
    const bool passed = outcome.kind == CheckOutcome::Kind::passed;
    count_one(passed ? status_.successes : status_.failures);
    (passed ? status_.failures : status_.successes) = 0;
    status_.last_passed = passed;
    status_.reason = outcome.reason;
    status_.trouble.clear();
    status_.duration = duration;
    status_.time = now;
    const bool decides =
        !status_.up || (passed ? status_.successes >= rise_ : status_.failures >= fall_);
    if (!decides || status_.up == passed)
        return false;
    status_.up = passed;
    return true;
}

void Judgement::change(std::uint32_t rise, std::uint32_t fall) {
    rise_ = rise;
    fall_ = fall;
    status_.successes = 0;
    status_.failures = 0;
}

}  // namespace weir
