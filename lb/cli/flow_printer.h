// Flows as text, portion by portion, so that a million of them takes no more memory than a few.
#pragma once

#include <cstddef>
#include <string>

#include "lb/api/documents.h"
#include "lb/cli/table.h"

namespace weir {

// A table; or, as JSON, the document of /v1/flows with a line for each flow.
class FlowPrinter {
  public:
    explicit FlowPrinter(bool json);

    // The first `most` of `flows`, the array of that document.
    std::string add(const Json &flows, std::size_t most);
    std::string end(bool truncated, bool out_of_time);

  private:
    std::string add_json(const Json &flows, std::size_t count);

    bool json_;
    bool begun_ = false;
    bool any_ = false;
    GrowingTable table_;
};

}  // namespace weir
