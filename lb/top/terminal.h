// The terminal, through ncurses: as it was before once its owner is gone.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "lb/result.h"
#include "lb/top/controls.h"
#include "lb/top/display.h"
#include "lb/top/text.h"

namespace weir {

class Terminal {
  public:
    // Of standard input and output, which both must be one. Handlers of signals that would end the
    // process have to be there before, or ncurses puts its own. Exit::refused: $TERM is one that
    // cannot be drawn on.
    static Result<Terminal> open();

    TopSize size() const;
    // After SIGWINCH.
    void resize();
    void draw(const std::vector<TopLine> &lines);
    // The next key that was pressed, if any.
    std::optional<TopKey> key();

  private:
    struct Close {
        void operator()(void *screen) const;
    };
    explicit Terminal(void *screen);

    std::unique_ptr<void, Close> screen_;
    bool colours_ = false;
};

}  // namespace weir
