// How a command ends.
#pragma once

#include "lb/api/documents.h"
#include "lb/result.h"

namespace weir {

// Prints the error as one line on stderr and returns its exit status.
int report(const Error &error);

inline int report(const Result<void> &result) {
    return result ? static_cast<int>(Exit::ok) : report(result.error());
}

// Prints the warning of the API's answer to a change, if it has one, as one line on stderr.
void report_warning(const Json &document);

}  // namespace weir
