// The body of a response that comes bit by bit, for as long as the peer listens.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

// Whoever has something to tell writes into it, and the connection takes it out; both on the thread
// of the event loop. Bounded: a peer that reads too slowly misses something.
class HttpBody {
  public:
    explicit HttpBody(std::size_t most_waiting = 1 << 20) : most_(most_waiting) {}

    // False, with nothing kept: the peer has gone, or reads too slowly.
    bool write(std::string_view bytes) {
        if (gone_ || waiting_.size() + bytes.size() > most_)
            return false;
        waiting_ += bytes;
        wake();
        return true;
    }
    // Nothing more comes; what waits still goes out.
    void end() {
        ended_ = true;
        wake();
    }
    bool gone() const { return gone_; }

    // For the connection: `wake` is called once, when there is something to do.
    void connect(std::function<void()> wake) { wake_ = std::move(wake); }
    std::string take() { return std::exchange(waiting_, {}); }
    bool empty() const { return waiting_.empty(); }
    bool ended() const { return ended_; }
    void leave() {
        gone_ = true;
        wake_ = nullptr;
        waiting_.clear();
    }

  private:
    void wake() {
        if (const auto wake = std::exchange(wake_, nullptr))
            wake();
    }

    std::size_t most_;  // bytes
    std::string waiting_;
    std::function<void()> wake_;
    bool ended_ = false;
    bool gone_ = false;
};

}  // namespace weir
