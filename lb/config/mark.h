// Where in the file something is.
#pragma once

#include <string>

namespace weir {

// A place in the file, for messages that are found only later (an interface that is missing).
struct Mark {
    int line = 0;    // 1-based; 0 when the value is a default
    int column = 0;  // 1-based
};

// "FILE:LINE:COL"; only "FILE" when the value is a default.
std::string place(const std::string &file, const Mark &mark);

}  // namespace weir
