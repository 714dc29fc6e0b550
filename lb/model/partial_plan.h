// A plan for those services alone that a change is about: what it costs does not grow with the
// others.
#pragma once

#include "lb/config/affected.h"
#include "lb/model/plan.h"

namespace weir {

struct PartialPlan {
    Plan plan;            // its result has the rows of the affected services alone
    Affected affected{};  // none: all of them
};

// As make_plan(). Services that are not affected are as `current` has them, and are not looked at;
// that holds only for a `current` of the same services in the same order and rings that are not in
// doubt, and otherwise all are planned.
Result<PartialPlan> make_partial_plan(const TableState &current, const Config &desired,
                                      RingScope scope, const Conditions &conditions,
                                      const Affected &affected);

// What the tables hold after a plan that was made for `before`.
TableState result_of(TableState before, PartialPlan partial);

}  // namespace weir
