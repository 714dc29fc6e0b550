// How a command ends.
#pragma once

#include "lb/result.h"

namespace weir {

// Prints the error as one line on stderr and returns its exit status.
int report(const Error &error);

inline int report(const Result<void> &result) {
    return result ? static_cast<int>(Exit::ok) : report(result.error());
}

}  // namespace weir
