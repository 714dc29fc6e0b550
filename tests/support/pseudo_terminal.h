// A terminal for programs that draw on one: what they write is shown as a real one would.
#pragma once

#include <termios.h>

#include <chrono>
#include <memory>
#include <string>

#include "lb/dataplane/fd.h"
#include "tests/support/process.h"

struct VTerm;

namespace weir::test {

class PseudoTerminal {
  public:
    // An xterm of 256 colours. Throws std::system_error.
    PseudoTerminal(int rows, int columns);
    ~PseudoTerminal();
    PseudoTerminal(const PseudoTerminal &) = delete;
    PseudoTerminal &operator=(const PseudoTerminal &) = delete;
    PseudoTerminal(PseudoTerminal &&) = delete;
    PseudoTerminal &operator=(PseudoTerminal &&) = delete;

    // For ProcessOptions: the side that the program has.
    int program_side() const { return program_.get(); }
    void type(const std::string &keys) const;
    // The program is told by SIGWINCH.
    void resize(int rows, int columns);

    // What is to be seen now, a line for each row, without the blanks at their ends.
    std::string screen();
    // Waits until `text` is to be seen, or is not any more; false when time is up.
    bool shows(const std::string &text, std::chrono::milliseconds patience = kPatience);
    bool hides(const std::string &text, std::chrono::milliseconds patience = kPatience);
    // Every byte that was written.
    const std::string &written();
    // As stty shows them.
    termios modes() const;

  private:
    struct Free {
        void operator()(VTerm *terminal) const;
    };
    void read();

    Fd test_, program_;
    std::unique_ptr<VTerm, Free> terminal_;
    std::string written_;
};

bool operator==(const termios &a, const termios &b);

}  // namespace weir::test
