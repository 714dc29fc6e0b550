#include "tests/support/pseudo_terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vterm.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <system_error>
#include <vector>

namespace weir::test {
namespace {

winsize size_of(int rows, int columns) {
    winsize size{};
    size.ws_row = static_cast<unsigned short>(rows);
    size.ws_col = static_cast<unsigned short>(columns);
    return size;
}

[[noreturn]] void fail(const char *what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

void PseudoTerminal::Free::operator()(VTerm *terminal) const {
    vterm_free(terminal);
}

PseudoTerminal::PseudoTerminal(int rows, int columns)
    : test_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)),
      terminal_(vterm_new(rows, columns)) {
    if (!test_ || ::grantpt(test_.get()) != 0 || ::unlockpt(test_.get()) != 0)
        fail("a pseudo terminal");
    program_ = Fd(::open(::ptsname(test_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    const auto size = size_of(rows, columns);
    if (!program_ || ::ioctl(program_.get(), TIOCSWINSZ, &size) != 0)
        fail("a pseudo terminal");
    vterm_set_utf8(terminal_.get(), 1);
    auto *screen = vterm_obtain_screen(terminal_.get());
    vterm_screen_enable_altscreen(screen, 1);
    vterm_screen_reset(screen, 1);
}

PseudoTerminal::~PseudoTerminal() = default;

void PseudoTerminal::type(const std::string &keys) const {
    if (::write(test_.get(), keys.data(), keys.size()) != static_cast<ssize_t>(keys.size()))
        fail("keys");
}

void PseudoTerminal::resize(int rows, int columns) {
    read();
    vterm_set_size(terminal_.get(), rows, columns);
    const auto size = size_of(rows, columns);
    if (::ioctl(test_.get(), TIOCSWINSZ, &size) != 0)
        fail("resize");
}

void PseudoTerminal::read() {
    std::array<char, 4096> block{};
    ssize_t got = 0;
    while ((got = ::read(test_.get(), block.data(), block.size())) > 0) {
        written_.append(block.data(), static_cast<std::size_t>(got));
        vterm_input_write(terminal_.get(), block.data(), static_cast<std::size_t>(got));
    }
}

std::string PseudoTerminal::screen() {
    read();
    int rows = 0;
    int columns = 0;
    vterm_get_size(terminal_.get(), &rows, &columns);
    auto *screen = vterm_obtain_screen(terminal_.get());
    std::string text;
    std::vector<char> line(static_cast<std::size_t>(columns) * 8);
    for (int row = 0; row < rows; row++) {
        const auto size =
            vterm_screen_get_text(screen, line.data(), line.size(), {row, row + 1, 0, columns});
        std::string shown(line.data(), size);
        shown.erase(shown.find_last_not_of(' ') + 1);
        text += shown + "\n";
    }
    return text;
}

bool PseudoTerminal::shows(const std::string &text, std::chrono::milliseconds patience) {
    return eventually([&] { return screen().find(text) != std::string::npos; }, patience);
}

bool PseudoTerminal::hides(const std::string &text, std::chrono::milliseconds patience) {
    return eventually([&] { return screen().find(text) == std::string::npos; }, patience);
}

const std::string &PseudoTerminal::written() {
    read();
    return written_;
}

termios PseudoTerminal::modes() const {
    termios now{};
    if (::tcgetattr(program_.get(), &now) != 0)
        fail("terminal modes");
    return now;
}

bool operator==(const termios &a, const termios &b) {
    return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag &&
           a.c_lflag == b.c_lflag && std::equal(std::begin(a.c_cc), std::end(a.c_cc), b.c_cc);
}

}  // namespace weir::test
