#include "lb/health/check_times.h"

#include <algorithm>

namespace weir {

void CheckTimes::count(CheckOutcome::Kind kind, std::chrono::microseconds duration) {
    switch (kind) {
        case CheckOutcome::Kind::not_made:
            ++not_made;
            return;
        case CheckOutcome::Kind::passed:
            ++passed;
            break;
        case CheckOutcome::Kind::failed:
            ++failed;
            break;
    }
    const double seconds = std::chrono::duration<double>(duration).count();
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
    ++buckets.at(static_cast<std::size_t>(bound - kBounds.begin()));
    sum += seconds;
}

}  // namespace weir
