#include "lb/top/text.h"

#include <fmt/format.h>
#include <wchar.h>

#include <algorithm>
#include <array>
#include <cwchar>
#include <cwctype>

namespace weir {
namespace {

struct Character {
    std::string_view bytes;
    std::size_t width = 0;  // columns
    bool shown = false;
};

// The first one of a text that is not empty.
Character first_of(std::string_view text) {
    std::mbstate_t state{};
    wchar_t wide = 0;
    const std::size_t size = std::mbrtowc(&wide, text.data(), text.size(), &state);
    if (size == 0 || size > text.size())  // a NUL; or -1, -2: no character
        return {text.substr(0, 1)};
    const int width = ::wcwidth(wide);
    if (width < 0)
        return {text.substr(0, size)};
    return {text.substr(0, size), static_cast<std::size_t>(width), true};
}

template <typename Visit>
void for_each_character(std::string_view text, Visit visit) {
    while (!text.empty()) {
        const auto character = first_of(text);
        visit(character);
        text.remove_prefix(character.bytes.size());
    }
}

}  // namespace

std::string printable(std::string_view text) {
    std::string shown;
    for_each_character(text, [&](const Character &one) {
        shown += one.shown ? one.bytes : std::string_view("?");
    });
    return shown;
}

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    for_each_character(text, [&](const Character &one) { width += one.width; });
    return width;
}

std::string cut(std::string_view text, std::size_t width) {
    if (display_width(text) <= width)
        return std::string(text);
    std::string shown;
    std::size_t left = width;
    bool full = width == 0;
    for_each_character(text, [&](const Character &one) {
        full = full || one.width + 1 > left;  // the mark
        if (full)
            return;
        shown += one.bytes;
        left -= one.width;
    });
    return width == 0 ? shown : shown + '~';
}

std::string pad(std::string_view text, std::size_t width, bool right) {
    auto shown = cut(text, width);
    const std::string blanks(width - std::min(width, display_width(shown)), ' ');
    return right ? blanks + shown : shown + blanks;
}

TopLine cut(const TopLine &line, std::size_t width) {
    TopLine shown{{}, line.selected};
    std::size_t left = width;
    for (const TopSpan &span : line.spans) {
        shown.spans.push_back({cut(span.text, left), span.style});
        left -= std::min(left, display_width(span.text));
    }
    return shown;
}

std::string plain_text(const TopLine &line) {
    std::string text;
    for (const TopSpan &span : line.spans)
        text += span.text;
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string format_rate(double value) {
    constexpr std::array<const char *, 7> kUnits{"", " k", " M", " G", " T", " P", " E"};
    std::size_t unit = 0;
    // what would be printed as "1000"
    for (; value >= 999.5 && unit + 1 < kUnits.size(); unit++)
        value /= 1000;
    const bool small = unit == 0 && value == static_cast<double>(static_cast<int>(value));
    const int digits = small || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    return fmt::format("{:.{}f}{}", value, digits, kUnits.at(unit));
}

std::string format_count(std::uint64_t value) {
    return value < 100000 ? std::to_string(value) : format_rate(static_cast<double>(value));
}

}  // namespace weir
