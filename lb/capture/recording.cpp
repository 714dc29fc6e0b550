#include "lb/capture/recording.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace weir {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFlush{1000};  // what was captured is in the file this soon

}  // namespace

Result<std::uint64_t> Recording::record(const std::function<void()> &begun) {
    begun_ = Clock::now();
    if (auto ready = next_file(); !ready)
        return tl::make_unexpected(ready.error());
    // now: a pipe without a reader is waited for when it is opened, and ^C ends that
    const auto signals = SignalFd::open({SIGINT, SIGTERM});
    if (!signals)
        return tl::make_unexpected(signals.error());
    begun();
    return run(*signals);
}

Result<void> Recording::next_file() {
    if (number_ > 0) {
        closed_bytes_ += recorder_.bytes();
        if (auto closed = recorder_.close(); !closed)
            return closed;
    }
    const std::string file = bounds_.files == 0
                                 ? bounds_.output
                                 : fmt::format("{}.{}", bounds_.output, number_ % bounds_.files);
    number_++;
    file_begun_ = flushed_ = Clock::now();
    return recorder_.open(file);
}

Result<bool> Recording::wrote() {
    frames_++;
    ended_ = (bounds_.frames && frames_ >= *bounds_.frames) ||
             (bounds_.bytes && closed_bytes_ + recorder_.bytes() >= *bounds_.bytes);
    if (!ended_ && bounds_.file_bytes && recorder_.bytes() >= *bounds_.file_bytes)
        if (auto next = next_file(); !next)
            return tl::make_unexpected(next.error());
    return !ended_;
}

// Until something is due even if no frame comes.
milliseconds Recording::patience() const {
    milliseconds left = kFlush;
    const auto consider = [&](Clock::time_point since, const auto &time) {
        if (time)
            left = std::min(left, std::chrono::ceil<milliseconds>(since + *time - Clock::now()));
    };
    consider(begun_, bounds_.time);
    consider(file_begun_, bounds_.file_time);
    return std::max(left, milliseconds(0));
}

Result<void> Recording::look_at_clock() {
    const auto now = Clock::now();
    ended_ = ended_ || (bounds_.time && now - begun_ >= *bounds_.time);
    if (bounds_.immediate || now - flushed_ >= kFlush) {
        flushed_ = now;
        if (auto whole = recorder_.flush(); !whole)
            return whole;
    }
    if (!ended_ && bounds_.file_time && now - file_begun_ >= *bounds_.file_time)
        return next_file();
    return {};
}

Result<std::uint64_t> Recording::run(const SignalFd &signals) {
    const auto turn = [&] {
        return recorder_.take(*this).and_then([&] { return look_at_clock(); });
    };
    while (!ended_) {
        std::array<pollfd, 2> fds{
            {{recorder_.descriptor(), POLLIN, 0}, {signals.get(), POLLIN, 0}}};
        if (poll(fds.data(), fds.size(), static_cast<int>(patience().count())) < 0 &&
            errno != EINTR)
            return fail(Exit::refused, fmt::format("poll: {}", std::strerror(errno)));
        // with a signal too: what came before it
        if (auto done = turn(); !done)
            return tl::make_unexpected(done.error());
        if (fds[1].revents != 0)
            break;
    }
    return recorder_.close().map([&] { return frames_; });
}

}  // namespace weir
