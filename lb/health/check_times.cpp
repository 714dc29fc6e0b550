#include "lb/health/check_times.h"

#include <algorithm>

namespace weir {

void CheckTimes::count(Outcome::Kind kind, std::chrono::microseconds duration) {
    switch (kind) {
        case Outcome::Kind::not_made:
            ++not_made;
            return;
        case Outcome::Kind::passed:
            ++passed;
            break;
        case Outcome::Kind::failed:
            ++failed;
            break;
    }
    const double seconds = std::chrono::duration<double>(duration).count();
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
    ++buckets.at(static_cast<std::size_t>(bound - kBounds.begin()));
    sum += seconds;
}

}  // namespace weir
