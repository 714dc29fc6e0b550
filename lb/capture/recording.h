// A capture while it is taken: when it ends, and into which files it goes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "lb/capture/signals.h"
#include "lb/result.h"

namespace weir {

struct RecordingBounds {
    std::string output;      // "-": standard output
    bool immediate = false;  // frames are in the file as they come, not a second later
    // It ends at whichever comes first, or with SIGINT or SIGTERM.
    std::optional<std::uint64_t> frames;
    std::optional<std::uint64_t> bytes;  // of all files
    std::optional<std::chrono::seconds> time;
    // Another file begins when this one has so many bytes, or is so old. Of OUT.0, OUT.1, ... the
    // oldest gives way to the one after the last.
    std::optional<std::uint64_t> file_bytes;
    std::optional<std::chrono::seconds> file_time;
    unsigned files = 0;  // 0: only one, OUT itself
};

class Recording;

// Where frames come from, and how they are written.
class Recorder {
  public:
    Recorder() = default;
    virtual ~Recorder() = default;
    Recorder(const Recorder &) = delete;
    Recorder &operator=(const Recorder &) = delete;
    Recorder(Recorder &&) = delete;
    Recorder &operator=(Recorder &&) = delete;

    // Readable when there are frames to take.
    virtual int descriptor() const = 0;
    // Writes the frames that there are, and tells the recording of each.
    virtual Result<void> take(Recording &recording) = 0;

    virtual Result<void> open(const std::string &path) = 0;
    virtual std::uint64_t bytes() const = 0;  // of the open file
    // Both fail when the file does not have everything (disk full).
    virtual Result<void> flush() = 0;
    virtual Result<void> close() = 0;
};

class Recording {
  public:
    Recording(const RecordingBounds &bounds, Recorder &recorder)
        : bounds_(bounds), recorder_(recorder) {}

    // Opens the first file, calls `begun`, and goes on until a bound is reached or SIGINT or
    // SIGTERM comes. Returns how many frames were written.
    Result<std::uint64_t> record(const std::function<void()> &begun);

    // The recorder has written a frame. False: it was the last one.
    Result<bool> wrote();

  private:
    using Clock = std::chrono::steady_clock;

    Result<std::uint64_t> run(const SignalFd &signals);
    std::chrono::milliseconds patience() const;
    Result<void> look_at_clock();
    Result<void> next_file();

    const RecordingBounds &bounds_;
    Recorder &recorder_;
    unsigned number_ = 0;  // of the next file
    std::uint64_t frames_ = 0;
    std::uint64_t closed_bytes_ = 0;  // of the files before this one
    bool ended_ = false;
    Clock::time_point begun_, file_begun_, flushed_;
};

}  // namespace weir
