// A file that holds one YAML document.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lb/config/reader.h"
#include "lb/result.h"

namespace weir {

// The text of a file, of 16 MiB at most. Exit::usage: "FILE: cannot read: reason".
Result<std::string> read_text(const std::string &file);

// Hands the text's only document to `read`, which notes what is wrong with it. The first problem is
// Exit::usage, "FILE:LINE:COL: what is wrong". `what` is what the text is: "the configuration".
Result<void> read_document(const std::string &text, const std::string &file, std::string_view what,
                           const std::function<void(Problems &, const Value &)> &read);

}  // namespace weir
