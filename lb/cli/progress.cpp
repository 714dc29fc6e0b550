#include "lb/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace weir {

namespace {

constexpr std::chrono::milliseconds kBetween{200};
constexpr auto kClearLine = "\r\033[K";

}  // namespace

std::string progress_line(const ReplayPosition &position, std::chrono::nanoseconds elapsed) {
    const double seconds = std::chrono::duration<double>(elapsed).count();
    const double rate = seconds > 0 ? static_cast<double>(position.frames) / seconds : 0;
    const std::string frames = fmt::format("{} frames, {:.0f}/s", position.frames, rate);
    if (position.bytes == 0 || position.size < position.bytes)
        return " " + frames;
    const double done = static_cast<double>(position.bytes) / static_cast<double>(position.size);
    return fmt::format("{:3.0f}% {}, {:.0f} s left", done * 100, frames,
                       seconds / done * (1 - done));
}

Progress::Progress()
    : terminal_(isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()),
      last_(start_) {}

Progress::~Progress() {
    if (shown_)
        fmt::print(stderr, "{}", kClearLine);
}

void Progress::show(const ReplayPosition &position) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - last_ < kBetween)
        return;
    last_ = now;
    shown_ = true;
    fmt::print(stderr, "{}{}", kClearLine, progress_line(position, now - start_));
    std::fflush(stderr);
}

}  // namespace weir
