// Waits for the next look at a trace, or for what comes before it.
#pragma once

#include <chrono>

#include "lb/capture/signals.h"
#include "lb/dataplane/fd.h"
#include "lb/result.h"

namespace weir {

enum class Wakeup {
    time,
    over,     // a signal, or the end of the process that is traced
    keys,     // were pressed
    resized,  // the terminal
};

class Waiter {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // From now on signals that end a program, and SIGWINCH, wake it up and do nothing else.
    // `process`: of a process whose end is one; none: of no process.
    static Result<Waiter> open(Fd process);

    // `keys`: a terminal that is read; -1: none.
    Wakeup wait(Time until, int keys = -1) const;

  private:
    Waiter(SignalFd signals, Fd process)
        : signals_(std::move(signals)), process_(std::move(process)) {}
    Wakeup take_signal() const;

    SignalFd signals_;
    Fd process_;
};

// For Waiter::open(). Exit::usage: there is no such process.
Result<Fd> open_process(std::uint32_t pid);
// Numbers of processes are those that tracing shows: of the first PID namespace.
bool in_first_pid_namespace();

}  // namespace weir
