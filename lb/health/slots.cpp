#include "lb/health/slots.h"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace weir {

void Slot::release() noexcept {
    const auto slots = slots_.lock();
    slots_.reset();
    if (!slots)
        return;
    --slots->taken_;
    if (slots->waiting_.empty())
        return;
    try {
        slots->wake();
    } catch (...) {
        // No memory to wake them with: the next that asks or ends does.
        slots->awake_ = false;
    }
}

void Slots::ask(Start start) {
    waiting_.push_back(std::move(start));
    wake();
}

// By way of the loop: checks that end as they begin would nest without end.
void Slots::wake() {
    if (std::exchange(awake_, true))
        return;
    boost::asio::post(loop_, [weak = weak_from_this()] {
        if (const auto self = weak.lock())
            self->give_out();
    });
}

void Slots::give_out() {
    awake_ = false;
    // No more than there are now: those that give their place back at once wake us again.
    for (std::size_t left = waiting_.size(); left != 0 && taken_ < most_; --left) {
        const Start start = std::move(waiting_.front());
        waiting_.pop_front();
        most_taken_ = std::max(most_taken_, ++taken_);
        start(Slot(weak_from_this()));
    }
}

}  // namespace weir
