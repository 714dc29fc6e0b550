// Two of these programs talk to each other and look at every byte; for tests and benchmarks of
// joined sockets, whose programs have to be processes in a cgroup of their own.
//
//   weir_socket_stream listen|connect ADDRESS:PORT|/PATH KIND BYTES [KEY=VALUE...]
//
// KIND: both: each end sends BYTES while it receives as many; ask: the one that connects sends
// BYTES, ends its direction, and is answered how many there were; ping: BYTES rounds of one byte.
// Keys: write and read (bytes at a time), sndbuf and rcvbuf (as setsockopt() has them), pause (ms
// that the one that listens waits before it reads, or answers), blocks (0: never; 1: always;
// 2: once there is a connection), options (1: says on stderr what two setsockopt() gave: kTLS, and
// one that is longer than a page), connections (that the one that listens takes, one after the
// other), check (0: nobody looks at the bytes). A line for each connection: "bytes=N seconds=S", or
// "error=TEXT"; the exit status is 1 where there was an error.
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

#include "lb/dataplane/fd.h"
#include "lb/net/address.h"

namespace {

using weir::Endpoint;
using weir::Fd;
using Clock = std::chrono::steady_clock;

struct Job {
    bool listens = false;
    std::string where, kind;
    std::uint64_t bytes = 0;
    std::map<std::string, std::uint64_t> keys{
        {"write", 65536}, {"read", 65536}, {"connections", 1}, {"check", 1}};

    std::uint64_t key(const std::string &name) const {
        const auto found = keys.find(name);
        return found == keys.end() ? 0 : found->second;
    }
};

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

// One end of a connection.
class Stream {
  public:
    Stream(Fd socket, const Job &job)
        : socket_(std::move(socket)), job_(job), blocks_(job.key("blocks") != 0) {
        if (job.key("blocks") == 2)
            set_blocking(socket_, true);
        if (job.where.front() != '/')
            set(socket_, IPPROTO_TCP, TCP_NODELAY, 1);
        if (job.key("options") != 0)
            say_options();
    }

    // Whether it wrote anything; not where it would have to wait, unless it does not block.
    bool write_some() {
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
    bool sent_all() const { return sent_ == job_.bytes; }

    // False where there is nothing yet.
    bool read_some() {
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
            throw std::runtime_error("other bytes than were sent, after " +
                                     std::to_string(received_));
        received_ += size;
        return true;
    }
    bool ended() const { return ended_; }
    std::uint64_t received() const { return received_; }

    void send_number(std::uint64_t number) {
        if (::send(socket_.get(), &number, sizeof number, MSG_NOSIGNAL) != sizeof number)
            fail("send");
    }
    std::uint64_t read_number() {
        std::uint64_t number = 0;
        wait(POLLIN);
        const auto got = ::recv(socket_.get(), &number, sizeof number, 0);
        if (got != sizeof number)
            fail("recv of the answer, " + std::to_string(got) + " bytes");
        return number;
    }
    // One byte, and whether there was one.
    void put_byte() {
        const char byte = 'x';
        if (::send(socket_.get(), &byte, 1, MSG_NOSIGNAL) != 1)
            fail("send");
    }
    bool get_byte() {
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
    void wait(int events) {
        if (!blocks_)
            wait_for(socket_.get(), events);
    }

  private:
    void say_options() const {
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

    Fd socket_;
    const Job &job_;
    bool blocks_;
    bool ended_ = false;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    std::vector<char> out_, in_, expected_;
    const char *begin_ = nullptr;  // of out_: what is not sent yet
    const char *end_ = nullptr;
};

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

void pause(const Job &job) {
    if (job.listens)
        std::this_thread::sleep_for(std::chrono::milliseconds(job.key("pause")));
}

void read_to_the_end(Stream &stream) {
    while (!stream.ended())
        if (!stream.read_some())
            stream.wait(POLLIN);
}

void exchange(const Job &job, Stream &stream) {
    pause(job);
    while (!stream.ended() || !stream.sent_all()) {
        bool moved = !stream.sent_all() && stream.write_some();
        moved |= !stream.ended() && stream.read_some();
        if (!moved)
            stream.wait((stream.ended() ? 0 : POLLIN) | (stream.sent_all() ? 0 : POLLOUT));
    }
    if (stream.received() != job.bytes)
        throw std::runtime_error("received " + std::to_string(stream.received()));
}

void ask(const Job &job, Stream &stream) {
    if (job.listens) {
        pause(job);
        read_to_the_end(stream);
        pause(job);
        stream.send_number(stream.received());
        return;
    }
    while (!stream.sent_all())
        if (!stream.write_some())
            stream.wait(POLLOUT);
    if (const auto number = stream.read_number(); number != job.bytes)
        throw std::runtime_error("the other end received " + std::to_string(number));
}

void ping(const Job &job, Stream &stream) {
    if (job.listens) {
        while (stream.get_byte())
            stream.put_byte();
        return;
    }
    for (std::uint64_t round = 0; round < job.bytes; ++round) {
        stream.put_byte();
        if (!stream.get_byte())
            throw std::runtime_error("closed");
    }
}

// A byte from the one that listens: it has accepted, and is looked at from here on.
void greet(const Job &job, Stream &stream) {
    if (job.listens)
        stream.put_byte();
    else if (!stream.get_byte())
        throw std::runtime_error("closed");
}

// What a connection says; whether it was as it should.
bool talk(const Job &job, Fd socket) {
    try {
        Stream stream(std::move(socket), job);
        if (job.key("blocks") != 2)
            greet(job, stream);
        const auto begin = Clock::now();
        if (job.kind == "both")
            exchange(job, stream);
        else
            job.kind == "ask" ? ask(job, stream) : ping(job, stream);
        const std::chrono::duration<double> time = Clock::now() - begin;
        std::printf("bytes=%llu seconds=%.9f\n", static_cast<unsigned long long>(job.bytes),
                    time.count());
    } catch (const std::exception &error) {
        std::printf("error=%s\n", error.what());
        std::fflush(stdout);
        return false;
    }
    std::fflush(stdout);
    return true;
}

bool work(const Job &job) {
    if (!job.listens)
        return talk(job, connect(job));
    const Fd listener = listen(job);
    bool good = true;
    for (std::uint64_t taken = 0; taken < job.key("connections"); ++taken)
        good &= talk(job, accept(listener, job.key("blocks") == 1));
    return good;
}

bool parse(int count, char **words, Job &job) {
    if (count < 5)
        return false;
    const std::string role = words[1];
    job.listens = role == "listen";
    job.where = words[2];
    job.kind = words[3];
    job.bytes = std::strtoull(words[4], nullptr, 10);
    for (int i = 5; i < count; ++i) {
        const std::string word = words[i];
        const auto equals = word.find('=');
        if (equals == std::string::npos)
            return false;
        job.keys[word.substr(0, equals)] = std::strtoull(word.c_str() + equals + 1, nullptr, 10);
    }
    return (job.listens || role == "connect") && !job.where.empty() &&
           (job.kind == "both" || job.kind == "ask" || job.kind == "ping");
}

}  // namespace

int main(int count, char **words) {
    Job job;
    if (!parse(count, words, job)) {
        std::fprintf(stderr, "usage: %s listen|connect WHERE both|ask|ping BYTES [KEY=VALUE...]\n",
                     words[0]);
        return 2;
    }
    try {
        return work(job) ? 0 : 1;
    } catch (const std::exception &error) {
        std::printf("error=%s\n", error.what());
        return 1;
    }
}
