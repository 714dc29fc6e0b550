#include "lb/health/echo_socket.h"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lb/dataplane/fd.h"

namespace weir {

using boost::system::error_code;

namespace {

constexpr int kReceiveBuffer = 1 << 20;  // bytes; the replies of thousands come at once
constexpr std::size_t kMostPending = 32768;
constexpr std::size_t kLargestReply = 1024;  // bytes; what is longer is no reply to us
constexpr int kMostRepliesAtOnce = 256;      // before others have their turn on the loop

error_code errno_code() {
    return {errno, boost::system::system_category()};
}

// Nothing but echo replies. A socket that refuses the filter works without it.
void filter_replies(int socket, bool v4) {
    if (v4) {
        icmp_filter filter{};
        filter.data = ~(1U << static_cast<unsigned>(ICMP_ECHOREPLY));
        ::setsockopt(socket, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
    } else {
        icmp6_filter filter{};
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
        ::setsockopt(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
    }
}

ssize_t send_to(int socket, const std::string &bytes, const Address &address) {
    if (address.is_v4()) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = address.v4_network_order();
        return ::sendto(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL,
                        reinterpret_cast<const sockaddr *>(&to), sizeof to);
    }
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    std::memcpy(&to.sin6_addr, address.bytes().data(), sizeof to.sin6_addr);
    return ::sendto(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr *>(&to), sizeof to);
}

Address to_address(const sockaddr_storage &from) {
    if (from.ss_family == AF_INET)
        return Address::v4(reinterpret_cast<const sockaddr_in *>(&from)->sin_addr.s_addr);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6 *>(&from)->sin6_addr,
                bytes.size());
    return Address(bytes);
}

}  // namespace

error_code EchoSocket::open() {
    return socket_.is_open() ? error_code() : open_native();
}

error_code EchoSocket::open_native() {
    const int family = v4_ ? AF_INET : AF_INET6;
    const int protocol = v4_ ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
    constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    Fd socket(::socket(family, SOCK_DGRAM | kFlags, protocol));
    raw_ = !socket;
    if (!socket && (errno == EACCES || errno == EPERM || errno == EPROTONOSUPPORT)) {
        socket = Fd(::socket(family, SOCK_RAW | kFlags, protocol));
        if (socket)
            filter_replies(socket.get(), v4_);
    }
    if (!socket)
        return errno_code();
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
    id_ = static_cast<std::uint16_t>(random_());
    error_code error;
    socket_.assign(socket.get(), error);
    if (!error)
        socket.release();
    return error;
}

error_code EchoSocket::ping(const Address &address, Answered answered, std::uint16_t &key) {
    if (pending_.size() >= kMostPending)
        return {ENOBUFS, boost::system::system_category()};
    while (pending_.count(next_) != 0)
        ++next_;
    key = next_++;
    // What nobody can guess who has not seen the request.
    std::string payload = "weir";
    for (int word = 0; word < 4; ++word) {
        const auto bits = static_cast<std::uint32_t>(random_());
        payload.append(reinterpret_cast<const char *>(&bits), sizeof bits);
    }
    const std::string bytes = echo_request({id_, key, payload}, v4_);
    if (send_to(socket_.native_handle(), bytes, address) < 0)
        return errno_code();
    pending_.emplace(key, Pending{address, std::move(payload), std::move(answered)});
    if (!waiting_)
        wait();
    return {};
}

void EchoSocket::forget(std::uint16_t key) {
    pending_.erase(key);
    // Nothing to wait for: the loop may end.
    if (pending_.empty() && waiting_)
        socket_.cancel();
}

void EchoSocket::wait() {
    waiting_ = true;
    socket_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [weak = weak_from_this()](error_code error) {
                           const auto self = weak.lock();
                           if (!self)
                               return;
                           self->waiting_ = false;
                           if (!error)
                               self->receive();
                           if (!self->pending_.empty() && !self->waiting_)
                               self->wait();
                       });
}

void EchoSocket::receive() {
    std::array<char, kLargestReply> buffer{};
    for (int i = 0; i < kMostRepliesAtOnce; ++i) {
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        const ssize_t got = ::recvfrom(socket_.native_handle(), buffer.data(), buffer.size(), 0,
                                       reinterpret_cast<sockaddr *>(&from), &size);
        if (got < 0)
            return;
        take(to_address(from), {buffer.data(), static_cast<std::size_t>(got)});
    }
}

void EchoSocket::take(const Address &source, std::string_view packet) {
    const auto reply = read_echo_reply(packet, v4_, v4_ && raw_);
    if (!reply || (raw_ && reply->id != id_))
        return;
    const auto found = pending_.find(reply->sequence);
    if (found == pending_.end() || found->second.address != source ||
        found->second.payload != reply->payload)
        return;
    const Answered answered = std::move(found->second.answered);
    pending_.erase(found);
    answered();
}

}  // namespace weir
