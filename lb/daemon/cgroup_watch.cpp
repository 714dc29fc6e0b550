#include "lb/daemon/cgroup_watch.h"

#include <chrono>
#include <utility>

namespace weir {

CgroupWatch::CgroupWatch(boost::asio::io_context &loop, std::function<void()> look)
    : look_(std::move(look)), timer_(loop) {
    wait();
}

// A cgroup tells nobody that it is removed, but for its parent's inotify, which misses one that is
// made again at once.
void CgroupWatch::wait() {
    constexpr std::chrono::seconds kPause{1};
    timer_.expires_after(kPause);
    timer_.async_wait([this](boost::system::error_code error) {
        if (error)
            return;
        look_();
        wait();
    });
}

}  // namespace weir
