#include "lb/cli/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace weir {

int report(const Error &error) {
    auto line = error.message;
    std::replace(line.begin(), line.end(), '\n', ' ');
    fmt::print(stderr, "{}\n", line);
    return static_cast<int>(error.exit);
}

void report_warning(const Json &document) {
    const auto &warning = document.at("warning");
    if (warning.is_string())
        report({Exit::ok, "warning: " + warning.get<std::string>()});
}

}  // namespace weir
