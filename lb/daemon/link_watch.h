// Tells when something changed on the links of this network namespace: interfaces, their qdiscs and
// filters, their addresses. What it was is for the listener to find out, so that no message can be
// missed or misread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "lb/result.h"

namespace weir {

class LinkWatch {
  public:
    // `changed` is called a moment after a change, once for all that come together, and every now
    // and then without one. Exit::refused when there is no netlink.
    static Result<std::unique_ptr<LinkWatch>> open(boost::asio::io_context &loop,
                                                   std::function<void()> changed);

  private:
    LinkWatch(boost::asio::io_context &loop, int socket, std::function<void()> changed);
    void wait_for_message();
    void wait_for_time();
    void drain();

    boost::asio::posix::stream_descriptor socket_;
    boost::asio::steady_timer timer_;
    bool pending_ = false;
    std::function<void()> changed_;
};

}  // namespace weir
