#include "lb/trace/waiter.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace weir {
namespace {

using std::chrono::milliseconds;

constexpr ino_t kFirstPidNamespace = 0xEFFFFFFC;  // PROC_PID_INIT_INO, the same since Linux 3.8

// Until then, rounded up: poll() must not return before it.
int timeout_of(Waiter::Time until) {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp(left, milliseconds(0), milliseconds(60'000)).count());
}

}  // namespace

Result<Waiter> Waiter::open(Fd process) {
    return SignalFd::open({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}).map([&](SignalFd signals) {
        return Waiter(std::move(signals), std::move(process));
    });
}

Wakeup Waiter::wait(Time until, int keys) const {
    while (true) {
        // poll() leaves out descriptors below 0
        std::array<pollfd, 3> events{
            {{signals_.get(), POLLIN, 0}, {process_.get(), POLLIN, 0}, {keys, POLLIN, 0}}};
        const int ready = ::poll(events.data(), events.size(), timeout_of(until));
        if (ready <= 0 && std::chrono::steady_clock::now() >= until)
            return Wakeup::time;
        if (ready <= 0)
            continue;
        if (events[0].revents != 0)
            return take_signal();
        return events[1].revents != 0 ? Wakeup::over : Wakeup::keys;
    }
}

Wakeup Waiter::take_signal() const {
    signalfd_siginfo signal{};
    const auto size = ::read(signals_.get(), &signal, sizeof signal);
    return size == sizeof signal && signal.ssi_signo == SIGWINCH ? Wakeup::resized : Wakeup::over;
}

Result<Fd> open_process(std::uint32_t pid) {
    Fd process(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0U)));
    if (process)
        return process;
    // of a thread that is not the first of its process
    if (errno == EINVAL || errno == ENOENT)
        return fail(Exit::usage, fmt::format("--pid {}: a thread; name its process", pid));
    return fail(errno == ESRCH ? Exit::usage : Exit::refused,
                fmt::format("--pid {}: {}", pid, std::strerror(errno)));
}

bool in_first_pid_namespace() {
    struct stat own {};
    return ::stat("/proc/self/ns/pid", &own) == 0 && own.st_ino == kFirstPidNamespace;
}

}  // namespace weir
