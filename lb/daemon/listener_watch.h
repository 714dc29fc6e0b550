// Keeps the sockets of the listeners (`sockets.listeners`): programs that own them start, end and
// start again.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <string>

#include "lb/daemon/socket_path.h"
#include "lb/stats/notices.h"

namespace weir {

class ListenerWatch {
  public:
    // Looks once a second.
    ListenerWatch(boost::asio::io_context &loop, const SocketPath &path, Notices &notices);

    // Whether somebody listens, by ListenerConfig::to_string().
    const std::map<std::string, bool> &listening() const { return listening_; }

  private:
    void wait(std::chrono::milliseconds pause);
    void look();

    const SocketPath &path_;
    Notices &notices_;
    boost::asio::steady_timer timer_;
    std::map<std::string, bool> listening_;
    std::string error_;  // the last one that was logged
};

}  // namespace weir
