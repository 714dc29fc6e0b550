// Durations as people write them in the configuration: "30s", "2h4m", "1d".
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace weir {

// The longest duration that is accepted; far beyond use, far below any overflow.
inline constexpr std::chrono::seconds kLongestDuration = std::chrono::hours(24 * 365);

// Whole numbers with the units d, h, m, s, largest first, each at most once; 1s..365d. The error
// says what the text should have been ("must be ...").
tl::expected<std::chrono::seconds, std::string> parse_duration(
    std::string_view text, std::chrono::seconds least = std::chrono::seconds(1));
// The same down to milliseconds (unit ms, last): "200ms", "1s500ms"; 1ms..365d.
tl::expected<std::chrono::milliseconds, std::string> parse_short_duration(std::string_view text);
// The shortest text that parse_duration(), or parse_short_duration(), reads back.
std::string print_duration(std::chrono::milliseconds duration);

}  // namespace weir
