// Signals as something to wait for beside other things.
#pragma once

#include <initializer_list>

#include "lb/dataplane/fd.h"
#include "lb/result.h"

namespace weir {

class SignalFd {
  public:
    // From now on the thread does not end by these signals: they make the descriptor readable.
    static Result<SignalFd> open(std::initializer_list<int> signals);

    int get() const { return fd_.get(); }

  private:
    explicit SignalFd(Fd fd) : fd_(std::move(fd)) {}

    Fd fd_;
};

}  // namespace weir
