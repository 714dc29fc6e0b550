// Room for the checks that are under way: so many at once, the others wait for their turn.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

namespace weir {

class Slots;

// A place that is taken, given back when its owner is gone.
class Slot {
  public:
    Slot() = default;
    explicit Slot(std::weak_ptr<Slots> slots) : slots_(std::move(slots)) {}
    ~Slot() { release(); }
    Slot(Slot &&other) noexcept : slots_(std::exchange(other.slots_, {})) {}
    Slot &operator=(Slot &&other) noexcept {
        if (this != &other) {
            release();
            slots_ = std::exchange(other.slots_, {});
        }
        return *this;
    }
    Slot(const Slot &) = delete;
    Slot &operator=(const Slot &) = delete;

  private:
    void release() noexcept;

    std::weak_ptr<Slots> slots_;
};

class Slots : public std::enable_shared_from_this<Slots> {
  public:
    using Start = std::function<void(Slot)>;

    Slots(boost::asio::io_context &loop, std::size_t most) : loop_(loop), most_(most) {}

    // Calls `start` from the loop once there is room, in the order of asking.
    void ask(Start start);
    std::size_t taken() const { return taken_; }
    std::size_t waiting() const { return waiting_.size(); }
    std::size_t most_taken() const { return most_taken_; }  // at any one time so far

  private:
    friend class Slot;

    void wake();
    void give_out();

    boost::asio::io_context &loop_;
    std::size_t most_;
    std::size_t taken_ = 0;
    std::size_t most_taken_ = 0;
    bool awake_ = false;  // give_out() is on its way
    std::deque<Start> waiting_;
};

}  // namespace weir
