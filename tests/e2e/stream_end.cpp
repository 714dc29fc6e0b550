#include "tests/e2e/stream_end.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "lb/net/address.h"

namespace weir::test {
namespace {

[[noreturn]] void fail(const std::string &what) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

// What is at a place of a stream, like nowhere else in it. `room` has eight bytes to spare; what is
// wanted begins at the pointer that is returned.
const char *pattern(std::uint64_t at, std::size_t size, std::vector<char> &room) {
    constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
    constexpr std::size_t kWord = sizeof(std::uint64_t);
    room.resize(size + 2 * kWord);
    std::uint64_t number = at / kWord;
    for (std::size_t done = 0; done < size + kWord; done += kWord) {
        const std::uint64_t word = ++number * kOdd;
        std::memcpy(room.data() + done, &word, kWord);
    }
    return room.data() + at % kWord;
}

void set(const Fd &socket, int level, int option, std::uint64_t value) {
    const int number = static_cast<int>(value);
    if (::setsockopt(socket.get(), level, option, &number, sizeof number) != 0)
        fail("setsockopt");
}

void set_blocking(const Fd &fd, bool blocks) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (::fcntl(fd.get(), F_SETFL, blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) != 0)
        fail("fcntl");
}

struct Name {
    sockaddr_storage storage{};
    socklen_t length = 0;

    explicit Name(const std::string &where) {
        if (where.front() == '/') {
            auto *un = reinterpret_cast<sockaddr_un *>(&storage);
            un->sun_family = AF_UNIX;
            where.copy(un->sun_path, sizeof un->sun_path - 1);
            length = sizeof *un;
            return;
        }
        const auto endpoint = Endpoint::parse(where);
        if (!endpoint)
            throw std::runtime_error("no endpoint: " + where);
        if (endpoint->address.is_v4()) {
            auto *in = reinterpret_cast<sockaddr_in *>(&storage);
            in->sin_family = AF_INET;
            in->sin_port = htons(endpoint->port);
            in->sin_addr.s_addr = endpoint->address.v4_network_order();
            length = sizeof *in;
            return;
        }
        auto *in = reinterpret_cast<sockaddr_in6 *>(&storage);
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(endpoint->port);
        std::memcpy(&in->sin6_addr, endpoint->address.bytes().data(), sizeof in->sin6_addr);
        length = sizeof *in;
    }
    const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&storage); }
};

short wait_for(int fd, int events) {
    constexpr int kPatience = 30000;  // ms
    pollfd one{fd, static_cast<short>(events), 0};
    const int ready = ::poll(&one, 1, kPatience);
    if (ready <= 0) {
        errno = ready == 0 ? ETIMEDOUT : errno;
        fail("poll");
    }
    return one.revents;
}

}  // namespace

Stream::Stream(Fd socket, const Job &job)
    : socket_(std::move(socket)), job_(job), blocks_(job.key("blocks") != 0) {
    if (job.key("blocks") == 2)
        set_blocking(socket_, true);
    if (job.where.front() != '/')
        set(socket_, IPPROTO_TCP, TCP_NODELAY, 1);
    if (job.key("options") != 0)
        say_options();
}

bool Stream::write_some() {
    if (begin_ == end_) {
        const auto size = std::min<std::uint64_t>(job_.key("write"), job_.bytes - sent_);
        if (out_.empty() || job_.key("check") != 0)
            begin_ = pattern(sent_, job_.key("write"), out_);
        else
            begin_ = out_.data();
        end_ = begin_ + size;
    }
    const auto size = static_cast<std::size_t>(end_ - begin_);
    const auto wrote = ::send(socket_.get(), begin_, size, MSG_NOSIGNAL);
    if (wrote < 0 && errno == EAGAIN && !blocks_)
        return false;
    if (wrote < 0)
        fail("send");
    begin_ += wrote;
    sent_ += static_cast<std::uint64_t>(wrote);
    if (sent_ == job_.bytes && ::shutdown(socket_.get(), SHUT_WR) != 0)
        fail("shutdown");
    return true;
}

bool Stream::read_some() {
    in_.resize(job_.key("read"));
    const auto got = ::recv(socket_.get(), in_.data(), in_.size(), 0);
    if (got < 0 && errno == EAGAIN && !blocks_)
        return false;
    if (got < 0)
        fail("recv");
    ended_ = got == 0;
    const auto size = static_cast<std::size_t>(got);
    if (job_.key("check") != 0 &&
        std::memcmp(in_.data(), pattern(received_, size, expected_), size) != 0)
        throw std::runtime_error("other bytes than were sent, after " + std::to_string(received_));
    received_ += size;
    return true;
}

void Stream::send_number(std::uint64_t number) {
    if (::send(socket_.get(), &number, sizeof number, MSG_NOSIGNAL) != sizeof number)
        fail("send");
}

std::uint64_t Stream::read_number() {
    std::uint64_t number = 0;
    wait(POLLIN);
    const auto got = ::recv(socket_.get(), &number, sizeof number, 0);
    if (got != sizeof number)
        fail("recv of the answer, " + std::to_string(got) + " bytes");
    return number;
}

void Stream::put_byte() {
    const char byte = 'x';
    if (::send(socket_.get(), &byte, 1, MSG_NOSIGNAL) != 1)
        fail("send");
}

bool Stream::get_byte() {
    char byte = 0;
    for (;;) {
        const auto got = ::recv(socket_.get(), &byte, 1, 0);
        if (got >= 0)
            return got == 1;
        if (errno != EAGAIN || blocks_)
            fail("recv");
        wait(POLLIN);
    }
}

void Stream::wait(int events) {
    if (!blocks_)
        wait_for(socket_.get(), events);
}

void Stream::say_options() const {
    constexpr std::size_t kLongerThanAPage = 8192;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_ULP, "tls", 4);
    std::fprintf(stderr, "tls=%s\n", std::strerror(errno));
    std::string algorithm = "reno";
    algorithm.resize(kLongerThanAPage);
    errno = 0;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_CONGESTION, algorithm.data(),
                 static_cast<socklen_t>(algorithm.size()));
    std::fprintf(stderr, "long=%s\n", std::strerror(errno));
}

namespace {

Fd make_socket(const Job &job, const Name &name) {
    Fd socket(::socket(name.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket)
        fail("socket");
    if (job.key("sndbuf") != 0)
        set(socket, SOL_SOCKET, SO_SNDBUF, job.key("sndbuf"));
    if (job.key("rcvbuf") != 0)
        set(socket, SOL_SOCKET, SO_RCVBUF, job.key("rcvbuf"));
    set_blocking(socket, job.key("blocks") == 1);
    return socket;
}

}  // namespace

Fd listen(const Job &job) {
    const Name name(job.where);
    Fd socket = make_socket(job, name);
    set(socket, SOL_SOCKET, SO_REUSEADDR, 1);
    if (job.where.front() == '/')
        ::unlink(job.where.c_str());
    if (::bind(socket.get(), name.get(), name.length) != 0 || ::listen(socket.get(), 8) != 0)
        fail("listen");
    std::fprintf(stderr, "listening\n");
    return socket;
}

Fd accept(const Fd &listener, bool blocks) {
    wait_for(listener.get(), POLLIN);
    Fd socket(
        ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | (blocks ? 0 : SOCK_NONBLOCK)));
    if (!socket)
        fail("accept");
    return socket;
}

Fd connect(const Job &job) {
    const Name name(job.where);
    Fd socket = make_socket(job, name);
    if (::connect(socket.get(), name.get(), name.length) != 0 && errno != EINPROGRESS)
        fail("connect");
    wait_for(socket.get(), POLLOUT);
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    errno = error;
    if (error != 0)
        fail("connect");
    return socket;
}

}  // namespace weir::test
