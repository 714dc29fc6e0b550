#include "lb/config/duration.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

#include "lb/net/address.h"

namespace weir {

namespace {

struct Unit {
    char letter;
    std::int64_t seconds;
};

constexpr std::array<Unit, 4> kUnits{{{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};
constexpr std::string_view kDigits = "0123456789";

}  // namespace

tl::expected<std::chrono::seconds, std::string> parse_duration(std::string_view text) {
    const std::string malformed = "must be a duration such as 30s, 5m or 2h4m";
    if (text.empty())
        return tl::make_unexpected(malformed);
    if (text.find_first_not_of(kDigits) == std::string_view::npos)
        return tl::make_unexpected("must have a unit, such as 30s, 5m or 2h4m");
    if (text.size() > 2 && text.substr(text.size() - 2) == "ms")
        return tl::make_unexpected("must be in whole seconds, such as 1s or 2h4m");
    std::int64_t total = 0;
    const Unit *next = kUnits.begin();
    while (!text.empty()) {
        const auto digits = std::min(text.find_first_not_of(kDigits), text.size());
        const auto count = parse_number(text.substr(0, digits),
                                        static_cast<std::uint64_t>(kLongestDuration.count()));
        while (digits < text.size() && next != kUnits.end() && next->letter != text[digits])
            ++next;
        if (digits == 0 || digits == text.size() || next == kUnits.end())
            return tl::make_unexpected(malformed);
        // A count above the longest is as good as the longest and a second: refused below.
        total += count ? static_cast<std::int64_t>(*count) * next->seconds
                       : kLongestDuration.count() + 1;
        ++next;
        text.remove_prefix(digits + 1);
    }
    if (total < 1 || total > kLongestDuration.count())
        return tl::make_unexpected("must be from 1s to 365d");
    return std::chrono::seconds(total);
}

std::string print_duration(std::chrono::seconds duration) {
    std::string text;
    std::int64_t rest = duration.count();
    for (const Unit &unit : kUnits) {
        if (rest >= unit.seconds)
            text += fmt::format("{}{}", rest / unit.seconds, unit.letter);
        rest %= unit.seconds;
    }
    return text;
}

}  // namespace weir
