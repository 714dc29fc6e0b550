// What somebody may have meant who wrote a name that does not exist.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir {

// Those of `names` that hold `wanted`, or that a slip or two turn into it; the closest first, at
// most three. Upper and lower case count as the same.
std::vector<std::string> near_names(std::string_view wanted, const std::vector<std::string> &names);

// ": did you mean web or web2?", or nothing.
std::string did_you_mean(std::string_view wanted, const std::vector<std::string> &names);

}  // namespace weir
