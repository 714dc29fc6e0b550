// Samples of a daemon, one after the other, on an event loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "lb/top/sample.h"

namespace weir {

class TopPoller {
  public:
    using Take = std::function<void(Result<TopSample>)>;

    // Asks at once, and from then on every `interval`, or as fast as the daemon answers. Both
    // `loop` and the poller live as long as the loop runs.
    TopPoller(boost::asio::io_context &loop, std::string socket, std::chrono::milliseconds interval,
              Take take);

  private:
    void ask();
    void ask_for(std::size_t document);
    void end(Result<TopSample> result);

    boost::asio::io_context &loop_;
    boost::asio::steady_timer timer_;
    std::string socket_;
    std::chrono::milliseconds interval_;
    Take take_;
    TopSample sample_;
    TopTime next_;
};

}  // namespace weir
