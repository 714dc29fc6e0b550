// Asks again and again for what nobody tells of: whether the cgroup of the socket programs is
// there.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>

namespace weir {

class CgroupWatch {
  public:
    // Calls `look` on the loop, about once a second.
    CgroupWatch(boost::asio::io_context &loop, std::function<void()> look);

  private:
    void wait();

    std::function<void()> look_;
    boost::asio::steady_timer timer_;
};

}  // namespace weir
