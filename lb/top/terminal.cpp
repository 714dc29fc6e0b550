#include "lb/top/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

// a header that defines macros like erase() and move()
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <ncurses.h>
#include <term.h>
#undef lines  // capabilities by names that are in use here
#undef columns

namespace weir {
namespace {

constexpr int kEscapeDelay = 25;  // ms after which an Esc is no sequence's beginning

// The numbers of the colour pairs are those of the styles, which begin with 0, as pairs do.
struct Colour {
    TopStyle style;
    short colour;
};
constexpr std::array<Colour, 3> kColours{
    {{TopStyle::good, COLOR_GREEN}, {TopStyle::warning, COLOR_YELLOW}, {TopStyle::bad, COLOR_RED}}};

// https://no-color.org
bool colours_are_wanted() {
    const char *no = std::getenv("NO_COLOR");
    return (no == nullptr || *no == '\0') && has_colors();
}

attr_t attributes_of(TopStyle style, bool colours) {
    const attr_t colour =
        colours ? static_cast<attr_t>(COLOR_PAIR(static_cast<int>(style))) : attr_t{0};
    switch (style) {
        case TopStyle::title:
            return A_BOLD;
        case TopStyle::bad:
            return A_BOLD | colour;
        case TopStyle::good:
        case TopStyle::warning:
            return colour;
        case TopStyle::faint:
            return A_DIM;
        case TopStyle::plain:
            break;
    }
    return A_NORMAL;
}

std::optional<TopKey::Kind> kind_of(wint_t code) {
    using Kind = TopKey::Kind;
    static const std::map<wint_t, Kind> kKinds{
        {KEY_UP, Kind::up},           {KEY_DOWN, Kind::down},   {KEY_PPAGE, Kind::page_up},
        {KEY_NPAGE, Kind::page_down}, {KEY_HOME, Kind::home},   {KEY_END, Kind::end},
        {KEY_RIGHT, Kind::right},     {KEY_ENTER, Kind::enter}, {KEY_BACKSPACE, Kind::erase}};
    const auto found = kKinds.find(code);
    return found == kKinds.end() ? std::nullopt : std::optional(found->second);
}

std::optional<TopKey> key_of(wint_t character) {
    if (character == L'\n' || character == L'\r')
        return TopKey{TopKey::Kind::enter};
    if (character == 27)
        return TopKey{TopKey::Kind::escape};
    if (character == 127 || character == 8)
        return TopKey{TopKey::Kind::erase};
    std::array<char, 16> bytes{};  // more than MB_CUR_MAX of any locale
    const int size =
        character < L' ' ? 0 : std::wctomb(bytes.data(), static_cast<wchar_t>(character));
    if (size <= 0)
        return std::nullopt;
    return TopKey{TopKey::Kind::text, std::string(bytes.data(), static_cast<std::size_t>(size))};
}

}  // namespace

void Terminal::Close::operator()(void *screen) const {
    endwin();
    delscreen(static_cast<SCREEN *>(screen));
}

Terminal::Terminal(void *screen) : screen_(screen), colours_(colours_are_wanted()) {
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(kEscapeDelay);
    if (!colours_)
        return;
    start_color();
    use_default_colors();
    for (const auto &[style, colour] : kColours)
        init_pair(static_cast<short>(style), colour, -1);
}

Result<Terminal> Terminal::open() {
    const char *name = std::getenv("TERM");
    auto *screen = newterm(nullptr, stdout, stdin);
    if (screen != nullptr && tigetstr("cup") != nullptr)
        return Terminal(screen);
    if (screen != nullptr)
        Close()(screen);
    return fail(Exit::refused, fmt::format("TERM={}: cannot be drawn on; weir top | cat prints "
                                           "plain tables",
                                           name == nullptr ? "" : name));
}

TopSize Terminal::size() const {
    return {static_cast<std::size_t>(getmaxy(stdscr)), static_cast<std::size_t>(getmaxx(stdscr))};
}

void Terminal::resize() {
    winsize now{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_row > 0 && now.ws_col > 0)
        resizeterm(now.ws_row, now.ws_col);
}

void Terminal::draw(const std::vector<TopLine> &lines) {
    werase(stdscr);
    for (std::size_t row = 0; row < lines.size(); row++) {
        wmove(stdscr, static_cast<int>(row), 0);
        for (const TopSpan &span : lines[row].spans) {
            const attr_t selected = lines[row].selected ? A_REVERSE : A_NORMAL;
            wattrset(stdscr, static_cast<int>(attributes_of(span.style, colours_) | selected));
            waddstr(stdscr, span.text.c_str());
        }
    }
    wrefresh(stdscr);
}

std::optional<TopKey> Terminal::key() {
    wint_t code = 0;
    while (true) {
        const int what = wget_wch(stdscr, &code);
        if (what == ERR)
            return std::nullopt;
        if (what != KEY_CODE_YES) {
            if (auto key = key_of(code))
                return key;
        } else if (const auto kind = kind_of(code)) {
            return TopKey{*kind};
        }
    }
}

}  // namespace weir
