// The collector at work in the daemon's event loop: a walk every few seconds, in slices so short
// that nothing else waits for them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>

#include "lb/dataplane/collector.h"
#include "lb/stats/snapshot.h"

namespace weir {

class Collection {
  public:
    // `inventory` tells whose flows are counted; it is asked at the end of each walk.
    Collection(boost::asio::io_context &loop, const Tables &tables,
               std::function<const Inventory &()> inventory);

    const Census &census() const { return collector_.census(); }

  private:
    void wait(std::chrono::steady_clock::duration pause);
    void slice();
    Result<void> publish();

    Tables tables_;
    std::function<const Inventory &()> inventory_;
    Collector collector_;
    boost::asio::steady_timer timer_;
    std::chrono::steady_clock::time_point begun_;
    bool walking_ = false;
};

}  // namespace weir
