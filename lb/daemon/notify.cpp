#include "lb/daemon/notify.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "lb/dataplane/fd.h"
#include "lb/net/address.h"

namespace weir {
namespace {

std::string variable(const char *name) {
    const char *value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// A message is lines: one that came from elsewhere must not add any.
std::string_view first_line(std::string_view text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace

void notify_service_manager(std::string_view state) {
    const std::string path = variable("NOTIFY_SOCKET");
    sockaddr_un to{};
    if (path.empty() || path.size() >= sizeof to.sun_path)
        return;
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, path.size());
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0';  // an abstract socket
    const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr *>(&to),
             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size()));
}

void notify_ready(std::string_view status) {
    notify_service_manager(fmt::format("READY=1\nSTATUS={}", first_line(status)));
}

void notify_reloading() {
    // CLOCK_MONOTONIC, which steady_clock is
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
    notify_service_manager(
        fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading", now.count()));
}

void notify_stopping() {
    notify_service_manager("STOPPING=1\nSTATUS=stopped; the data path goes on without the daemon");
}

void notify_failed(std::string_view status, int code) {
    notify_service_manager(fmt::format("STATUS={}\nERRNO={}", first_line(status), code));
}

std::optional<std::chrono::microseconds> watchdog_interval() {
    // sd_watchdog_enabled(3): the variables may have been meant for a parent
    const auto pid = variable("WATCHDOG_PID");
    const auto interval = parse_number(variable("WATCHDOG_USEC"), INT64_MAX);
    if (!interval || *interval == 0 || (!pid.empty() && pid != std::to_string(::getpid())))
        return std::nullopt;
    return std::chrono::microseconds(*interval);
}

Watchdog::Watchdog(boost::asio::io_context &loop) : timer_(loop) {
    const auto interval = watchdog_interval();
    if (!interval)
        return;
    period_ = *interval / 2;
    wait();
}

void Watchdog::wait() {
    notify_service_manager("WATCHDOG=1");
    timer_.expires_after(period_);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error)
            wait();
    });
}

}  // namespace weir
