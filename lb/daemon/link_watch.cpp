#include "lb/daemon/link_watch.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "lb/dataplane/fd.h"

namespace weir {

namespace {

// What belongs together comes within this: an interface, its addresses, its state.
constexpr std::chrono::milliseconds kLinksTogether{50};
// An interface that refused may take the programs later, and no message says so.
constexpr std::chrono::seconds kAnyway{10};

constexpr std::uint32_t kGroups = RTMGRP_LINK | RTMGRP_TC | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;

}  // namespace

Result<std::unique_ptr<LinkWatch>> LinkWatch::open(boost::asio::io_context &loop,
                                                   std::function<void()> changed) {
    Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = kGroups;
    if (!socket ||
        ::bind(socket.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0)
        return fail(Exit::refused,
                    fmt::format("cannot watch the interfaces: {}", std::strerror(errno)));
    return std::unique_ptr<LinkWatch>(new LinkWatch(loop, socket.release(), std::move(changed)));
}

LinkWatch::LinkWatch(boost::asio::io_context &loop, int socket, std::function<void()> changed)
    : socket_(loop, socket), timer_(loop), changed_(std::move(changed)) {
    wait_for_message();
    wait_for_time();
}

void LinkWatch::wait_for_message() {
    socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this](const boost::system::error_code &error) {
                           if (error)
                               return;
                           drain();
                           if (!pending_) {
                               pending_ = true;
                               wait_for_time();
                           }
                           wait_for_message();
                       });
}

// Starting anew ends the wait that is under way.
void LinkWatch::wait_for_time() {
    timer_.expires_after(pending_ ? std::chrono::milliseconds(kLinksTogether)
                                  : std::chrono::milliseconds(kAnyway));
    timer_.async_wait([this](const boost::system::error_code &error) {
        if (error)
            return;
        pending_ = false;
        changed_();
        wait_for_time();
    });
}

// The content is of no interest, and neither is that some was lost (ENOBUFS).
void LinkWatch::drain() {
    std::array<char, 64> start{};
    ssize_t got = 0;
    do
        got = ::recv(socket_.native_handle(), start.data(), start.size(), MSG_DONTWAIT);
    while (got > 0 || (got < 0 && (errno == ENOBUFS || errno == EINTR)));
}

}  // namespace weir
