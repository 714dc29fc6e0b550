#include "lb/config/duration.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <optional>

#include "lb/net/address.h"

namespace weir {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t milliseconds;
};

constexpr std::array<Unit, 5> kUnits{
    {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}}};
constexpr std::string_view kDigits = "0123456789";
constexpr std::int64_t kLongest = std::chrono::milliseconds(kLongestDuration).count();

// The sum of all parts; nothing where the text is no list of them.
std::optional<std::int64_t> sum_of_parts(std::string_view text) {
    std::int64_t total = 0;
    const Unit *next = kUnits.begin();
    while (!text.empty()) {
        const auto digits = std::min(text.find_first_not_of(kDigits), text.size());
        const auto count =
            parse_number(text.substr(0, digits), static_cast<std::uint64_t>(kLongest));
        text.remove_prefix(digits);
        const auto name = text.substr(0, std::min(text.find_first_of(kDigits), text.size()));
        while (next != kUnits.end() && next->name != name)
            ++next;
        if (digits == 0 || next == kUnits.end())
            return std::nullopt;
        // A count above the longest is as good as one above it: refused by the caller.
        total += count && *count <= static_cast<std::uint64_t>(kLongest / next->milliseconds)
                     ? static_cast<std::int64_t>(*count) * next->milliseconds
                     : kLongest + 1;
        ++next;
        text.remove_prefix(name.size());
    }
    return total;
}

}  // namespace

tl::expected<std::chrono::milliseconds, std::string> parse_short_duration(std::string_view text) {
    if (!text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos)
        return tl::make_unexpected("must have a unit, such as 200ms or 2s");
    const auto total = text.empty() ? std::nullopt : sum_of_parts(text);
    if (!total)
        return tl::make_unexpected("must be a duration such as 200ms or 2s");
    if (*total < 1 || *total > kLongest)
        return tl::make_unexpected("must be from 1ms to 365d");
    return std::chrono::milliseconds(*total);
}

tl::expected<std::chrono::seconds, std::string> parse_duration(std::string_view text,
                                                               std::chrono::seconds least) {
    if (!text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos)
        return tl::make_unexpected("must have a unit, such as 30s, 5m or 2h4m");
    if (text.size() > 2 && text.substr(text.size() - 2) == "ms")
        return tl::make_unexpected("must be in whole seconds, such as 1s or 2h4m");
    const auto total = text.empty() ? std::nullopt : sum_of_parts(text);
    if (!total)
        return tl::make_unexpected("must be a duration such as 30s, 5m or 2h4m");
    if (*total < std::chrono::milliseconds(least).count() || *total > kLongest)
        return tl::make_unexpected("must be from " + print_duration(least) + " to 365d");
    return std::chrono::seconds(*total / 1000);
}

std::string print_duration(std::chrono::milliseconds duration) {
    std::string text;
    std::int64_t rest = duration.count();
    for (const Unit &unit : kUnits) {
        if (rest >= unit.milliseconds)
            text += fmt::format("{}{}", rest / unit.milliseconds, unit.name);
        rest %= unit.milliseconds;
    }
    return text;
}

}  // namespace weir
