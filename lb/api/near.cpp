#include "lb/api/near.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

namespace weir {
namespace {

constexpr std::size_t kMost = 3;
constexpr std::size_t kLongest = 128;  // no name is longer, and the distance takes the square of it

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

// Levenshtein's: insertions, deletions and replacements that lead from one to the other.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (const char c : a) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); j++) {
            const auto replaced = diagonal + (c == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::vector<std::string> near_names(std::string_view wanted,
                                    const std::vector<std::string> &names) {
    if (wanted.empty() || wanted.size() > kLongest)
        return {};
    const auto text = lower(wanted);
    const std::size_t slips = text.size() < 4 ? 1 : 2;
    std::vector<std::pair<std::size_t, std::string>> near;
    for (const auto &name : names) {
        const auto candidate = lower(name);
        const auto away = distance(text, candidate);
        // two letters swapped are one slip, but two replacements
        auto sorted = std::pair(text, candidate);
        std::sort(sorted.first.begin(), sorted.first.end());
        std::sort(sorted.second.begin(), sorted.second.end());
        if (away <= slips || (away == 2 && sorted.first == sorted.second) ||
            candidate.find(text) != std::string::npos)
            near.emplace_back(away, name);
    }
    std::sort(near.begin(), near.end());
    std::vector<std::string> result;
    for (std::size_t i = 0; i < std::min(near.size(), kMost); i++)
        result.push_back(near[i].second);
    return result;
}

std::string did_you_mean(std::string_view wanted, const std::vector<std::string> &names) {
    const auto near = near_names(wanted, names);
    return near.empty() ? "" : fmt::format(": did you mean {}?", fmt::join(near, " or "));
}

}  // namespace weir
