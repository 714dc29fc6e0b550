// A list of flows in the place of the flow tables.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "lb/dataplane/tables.h"

namespace weir::test {

// As Tables::for_each_flow(), two flows at a time; a bucket is a flow's index.
inline std::optional<FlowPosition> walk_list(const std::vector<Flow> &flows,
                                             const FlowPosition &from,
                                             const std::function<bool()> &go_on,
                                             const std::function<void(const Flow &)> &visit) {
    for (std::size_t i = from.bucket; i < flows.size(); i++) {
        if (i % 2 == 0 && !go_on())
            return FlowPosition{1, static_cast<std::uint32_t>(i)};
        visit(flows[i]);
    }
    return std::nullopt;
}

}  // namespace weir::test
