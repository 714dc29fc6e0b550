// The notification protocol of systemd, sd_notify(3).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <string_view>

namespace weir {

// Sends `state` ("READY=1", lines) to $NOTIFY_SOCKET; does nothing when there is none. A message
// that cannot be sent is lost: the service manager has its own timeout.
void notify_service_manager(std::string_view state);

// Up, or done with a reload however it ended; `status` is one line for people.
void notify_ready(std::string_view status);
// To be followed by notify_ready().
void notify_reloading();
void notify_stopping();
// A start that failed; `code` as in errno(3).
void notify_failed(std::string_view status, int code);

// How often the service manager wants to hear from this process, by $WATCHDOG_USEC and
// $WATCHDOG_PID; none when it does not.
std::optional<std::chrono::microseconds> watchdog_interval();

// Tells the service manager that the event loop turns, at half of that interval.
class Watchdog {
  public:
    explicit Watchdog(boost::asio::io_context &loop);

  private:
    void wait();

    boost::asio::steady_timer timer_;
    std::chrono::microseconds period_{0};
};

}  // namespace weir
