// A program that talks to an EchoServer, and says whom it believes to talk to; for tests of the
// socket path, whose programs have to be processes in a cgroup of their own.
//
//   weir_socket_client KIND ADDRESS:PORT ROUNDS MILLISECONDS
//
// KIND: tcp and connected (UDP) keep one connection, named the same and says to whom it sends,
// tcp-each makes one for each round, datagram sends with sendto() from one socket, to each of
// several endpoints in turn (commas between them); parted is connected in its first round, and from
// then on, connected no more (AF_UNSPEC), sends with sendto(); anew is connected anew for each
// round, after AF_UNSPEC; bind only takes the address and port, mark only says the socket's
// SO_MARK. "mapped-" before a kind: IPv4 by an IPv6 socket (::ffff:192.0.2.1). A line for each
// round: "1 from=ADDRESS:PORT peer=ADDRESS:PORT SERVER CLIENT TEXT", or "1 error=TEXT"; peer is
// only what getpeername() says.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "lb/dataplane/fd.h"
#include "lb/net/address.h"

namespace {

using weir::Endpoint;
using weir::Fd;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;

    sockaddr *get() { return reinterpret_cast<sockaddr *>(&storage); }
};

SocketAddress to_socket(const Endpoint &endpoint, bool mapped) {
    SocketAddress address;
    if (endpoint.address.is_v4() && !mapped) {
        auto *in = reinterpret_cast<sockaddr_in *>(&address.storage);
        in->sin_family = AF_INET;
        in->sin_port = htons(endpoint.port);
        in->sin_addr.s_addr = endpoint.address.v4_network_order();
        address.length = sizeof *in;
        return address;
    }
    auto *in = reinterpret_cast<sockaddr_in6 *>(&address.storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(endpoint.port);
    std::memcpy(&in->sin6_addr, endpoint.address.bytes().data(), sizeof in->sin6_addr);
    address.length = sizeof *in;
    return address;
}

std::string to_text(const SocketAddress &address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.storage.ss_family == AF_INET) {
        const auto *in = reinterpret_cast<const sockaddr_in *>(&address.storage);
        ::inet_ntop(AF_INET, &in->sin_addr, text.data(), text.size());
        return std::string(text.data()) + ":" + std::to_string(ntohs(in->sin_port));
    }
    if (address.storage.ss_family != AF_INET6)
        return "-";
    const auto *in = reinterpret_cast<const sockaddr_in6 *>(&address.storage);
    ::inet_ntop(AF_INET6, &in->sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(in->sin6_port));
}

std::string peer_of(int socket) {
    SocketAddress peer;
    return ::getpeername(socket, peer.get(), &peer.length) == 0 ? to_text(peer) : "-";
}

std::string error() {
    return std::string("error=") + std::strerror(errno);
}

Fd make_socket(int family, int type) {
    Fd socket(::socket(family, type | SOCK_CLOEXEC, 0));
    if (!socket)
        return socket;
    constexpr timeval kPatience{5, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    return socket;
}

// One exchange; `to` is only for a socket that is not connected.
std::string exchange(int socket, const std::string &text, SocketAddress *to) {
    const auto sent = ::sendto(socket, text.data(), text.size(), MSG_NOSIGNAL,
                               to == nullptr ? nullptr : to->get(), to == nullptr ? 0 : to->length);
    if (sent < 0)
        return error();
    std::array<char, 2048> answer{};
    SocketAddress from;
    const auto got = ::recvfrom(socket, answer.data(), answer.size(), 0, from.get(), &from.length);
    if (got < 0)
        return error();
    if (got == 0)
        return "error=closed";
    return "from=" + (from.length == 0 ? "-" : to_text(from)) + " peer=" + peer_of(socket) + " " +
           std::string(answer.data(), static_cast<std::size_t>(got));
}

struct Job {
    std::string kind;
    bool mapped = false;
    std::vector<Endpoint> to;
    int rounds = 0;
    std::chrono::milliseconds pause{0};
};

// bind() to an address that need not be the host's; or the mark of a socket.
std::string look(const std::string &kind, SocketAddress &address) {
    const Fd socket = make_socket(address.storage.ss_family, SOCK_STREAM);
    if (!socket)
        return error();
    int value = 1;
    socklen_t length = sizeof value;
    if (kind == "bind") {
        ::setsockopt(socket.get(), IPPROTO_IP, IP_FREEBIND, &value, length);
        return ::bind(socket.get(), address.get(), address.length) == 0 ? "bound" : error();
    }
    ::getsockopt(socket.get(), SOL_SOCKET, SO_MARK, &value, &length);
    return "from=" + std::to_string(value);
}

// Takes a connect() back; no packet is sent.
void part(int socket) {
    sockaddr none{};
    none.sa_family = AF_UNSPEC;
    static_cast<void>(::connect(socket, &none, sizeof none));
}

// A socket, connected if its kind wants that; none, and errno.
Fd open_socket(const std::string &kind, SocketAddress &address) {
    const bool stream = kind == "tcp" || kind == "tcp-each";
    Fd socket = make_socket(address.storage.ss_family, stream ? SOCK_STREAM : SOCK_DGRAM);
    if (socket && kind != "datagram" && kind != "anew" &&
        ::connect(socket.get(), address.get(), address.length) != 0)
        socket.reset();
    return socket;
}

// What a round says; `socket` is kept from one to the next.
std::string round(const Job &job, int number, Fd &socket) {
    const Endpoint &to = job.to[static_cast<std::size_t>(number) % job.to.size()];
    auto address = to_socket(to, job.mapped);
    const std::string text = "hello" + std::to_string(number);
    if (job.kind == "bind" || job.kind == "mark")
        return look(job.kind, address);
    bool names = job.kind == "datagram" || job.kind == "named";
    if (job.kind == "parted" && socket) {
        part(socket.get());
        names = true;
    }
    if (!socket || job.kind == "tcp-each")
        socket = open_socket(job.kind, address);
    if (!socket)
        return error();
    if (job.kind == "anew") {
        part(socket.get());
        if (::connect(socket.get(), address.get(), address.length) != 0)
            return error();
    }
    return exchange(socket.get(), text, names ? &address : nullptr);
}

bool parse(int count, char **words, Job &job) {
    if (count != 5)
        return false;
    constexpr std::string_view kMapped = "mapped-";
    job.kind = words[1];
    job.mapped = job.kind.compare(0, kMapped.size(), kMapped) == 0;
    if (job.mapped)
        job.kind = job.kind.substr(kMapped.size());
    std::istringstream endpoints(words[2]);
    for (std::string one; std::getline(endpoints, one, ',');) {
        const auto endpoint = Endpoint::parse(one);
        if (!endpoint)
            return false;
        job.to.push_back(*endpoint);
    }
    job.rounds = std::atoi(words[3]);
    job.pause = std::chrono::milliseconds(std::atoi(words[4]));
    return !job.to.empty();
}

}  // namespace

int main(int count, char **words) {
    Job job;
    if (!parse(count, words, job)) {
        std::fprintf(stderr, "usage: %s KIND ADDRESS:PORT[,...] ROUNDS MILLISECONDS\n", words[0]);
        return 2;
    }
    Fd socket;
    for (int number = 0; number < job.rounds; ++number) {
        std::printf("%d %s\n", number, round(job, number, socket).c_str());
        std::fflush(stdout);
        std::this_thread::sleep_for(job.pause);
    }
    return 0;
}
