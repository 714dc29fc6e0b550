#include "lb/daemon/listener_watch.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "lb/daemon/log.h"

namespace weir {

namespace {

constexpr std::chrono::seconds kListenerPause{1};

}  // namespace

ListenerWatch::ListenerWatch(boost::asio::io_context &loop, const SocketPath &path,
                             Notices &notices)
    : path_(path), notices_(notices), timer_(loop) {
    wait(std::chrono::milliseconds(0));
}

void ListenerWatch::wait(std::chrono::milliseconds pause) {
    timer_.expires_after(pause);
    timer_.async_wait([this](boost::system::error_code error) {
        if (error)
            return;
        look();
        wait(kListenerPause);
    });
}

void ListenerWatch::look() {
    std::map<std::string, bool> now;
    std::string error;
    for (std::size_t i = 0; i < path_.listeners().size(); ++i) {
        const ListenerConfig &one = path_.listeners()[i];
        const auto found = path_.find_listener(i);
        if (!found)
            error = found.error().message;
        const bool is = found && *found;
        const std::string name = one.to_string();
        const auto was = listening_.find(name);
        if (was == listening_.end() ? !is : was->second != is)
            note(notices_,
                 {NoticeKind::interface, is ? LogLevel::info : LogLevel::warn,
                  fmt::format("listener {}: {} at {}", name,
                              is ? "a socket listens" : "nobody listens", one.to.to_string())});
        now[name] = is;
    }
    if (!error.empty() && error != error_)
        spdlog::error("listeners: {}", error);
    error_ = error;
    listening_ = std::move(now);
}

}  // namespace weir
