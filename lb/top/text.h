// Text that fits: widths are columns of the terminal, and characters are those of the locale
// (LC_CTYPE; with "C", all but ASCII are shown as '?').
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class TopStyle { plain, title, good, warning, bad, faint };

struct TopSpan {
    std::string text;
    TopStyle style = TopStyle::plain;
};

struct TopLine {
    std::vector<TopSpan> spans;
    bool selected = false;
};

inline constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

// Control characters, and bytes that are none of the locale, as '?': a name may hold anything.
std::string printable(std::string_view text);
// Columns of a text that is printable.
std::size_t display_width(std::string_view text);
// At most so wide; what was cut off ends with '~'.
std::string cut(std::string_view text, std::size_t width);
// So wide, with blanks after it, or before it.
std::string pad(std::string_view text, std::size_t width, bool right = false);
// The line, cut in the span that leaves the width.
TopLine cut(const TopLine &line, std::size_t width);
std::string plain_text(const TopLine &line);

// Three digits: "0", "0.25", "12.3", "123", "1.23 k", "12.3 M", up to E; units of 1000.
std::string format_rate(double value);
// Whole up to 99999, then as format_rate().
std::string format_count(std::uint64_t value);

}  // namespace weir
