#include "tests/support/traffic.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <thread>
#include <vector>

namespace weir::test {
namespace {

constexpr int kStepMs = 20;
constexpr timeval kAnswerTime{3, 0};
constexpr std::size_t kLongestText = 65536;  // more than any datagram

void check(int result, const char *what) {
    if (result < 0)
        throw std::system_error(errno, std::generic_category(), what);
}

// An address as the socket calls take it and give it.
struct SocketAddress {
    SocketAddress() = default;
    explicit SocketAddress(const Endpoint &endpoint) {
        if (endpoint.address.is_v4()) {
            auto &v4 = reinterpret_cast<sockaddr_in &>(storage);
            v4.sin_family = AF_INET;
            v4.sin_port = htons(endpoint.port);
            v4.sin_addr.s_addr = endpoint.address.v4_network_order();
            length = sizeof v4;
            return;
        }
        auto &v6 = reinterpret_cast<sockaddr_in6 &>(storage);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(endpoint.port);
        std::copy(endpoint.address.bytes().begin(), endpoint.address.bytes().end(),
                  v6.sin6_addr.s6_addr);
        length = sizeof v6;
    }

    sockaddr *get() { return reinterpret_cast<sockaddr *>(&storage); }
    Endpoint endpoint() const {
        if (storage.ss_family == AF_INET) {
            const auto &v4 = reinterpret_cast<const sockaddr_in &>(storage);
            return {Address::v4(v4.sin_addr.s_addr), ntohs(v4.sin_port)};
        }
        const auto &v6 = reinterpret_cast<const sockaddr_in6 &>(storage);
        std::array<std::uint8_t, 16> bytes{};
        std::copy(std::begin(v6.sin6_addr.s6_addr), std::end(v6.sin6_addr.s6_addr), bytes.begin());
        return {Address(bytes), ntohs(v6.sin6_port)};
    }

    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
};

Fd open_socket(const Netns &netns, Protocol protocol, const Endpoint &endpoint) {
    Fd socket;
    netns.run([&] {
        socket =
            Fd(::socket(endpoint.address.is_v4() ? AF_INET : AF_INET6,
                        (protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
    });
    check(socket.get(), "socket");
    const int on = 1;
    check(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    return socket;
}

void bind_to(const Fd &socket, const Endpoint &endpoint) {
    SocketAddress address(endpoint);
    check(::bind(socket.get(), address.get(), address.length), "bind");
}

// One exchange; false when the peer has no more to say.
bool answer(int socket, const std::string &name, const SocketAddress *connected) {
    std::string text(kLongestText, '\0');
    SocketAddress peer;
    const auto got = ::recvfrom(socket, text.data(), text.size(), 0, peer.get(), &peer.length);
    if (got <= 0)
        return false;
    const auto seen = (connected == nullptr ? peer : *connected).endpoint().to_string();
    const auto reply = name + " " + seen + " " + text.substr(0, static_cast<std::size_t>(got));
    const auto *to = connected == nullptr ? peer.get() : nullptr;
    return ::sendto(socket, reply.data(), reply.size(), MSG_NOSIGNAL, to,
                    to == nullptr ? 0 : peer.length) >= 0;
}

}  // namespace

EchoServer::EchoServer(const Netns &netns, Protocol protocol, const Endpoint &endpoint,
                       std::string name)
    : protocol_(protocol), name_(std::move(name)), socket_(open_socket(netns, protocol, endpoint)) {
    bind_to(socket_, endpoint);
    if (protocol == Protocol::tcp)
        check(::listen(socket_.get(), SOMAXCONN), "listen");
    thread_ = std::thread([this] { serve(); });
}

EchoServer::~EchoServer() {
    stop_ = true;
    thread_.join();
}

void EchoServer::serve() {
    struct Connection {
        Fd socket;
        SocketAddress peer;
    };
    std::vector<Connection> connections;
    while (!stop_) {
        std::vector<pollfd> waiting{{socket_.get(), POLLIN, 0}};
        for (const auto &connection : connections)
            waiting.push_back({connection.socket.get(), POLLIN, 0});
        if (::poll(waiting.data(), waiting.size(), kStepMs) <= 0)
            continue;
        for (std::size_t i = connections.size(); i > 0; i--) {
            auto &connection = connections[i - 1];
            if (waiting[i].revents != 0 &&
                !answer(connection.socket.get(), name_, &connection.peer))
                connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i - 1));
        }
        if (waiting[0].revents == 0)
            continue;
        if (protocol_ == Protocol::udp) {
            answer(socket_.get(), name_, nullptr);
            continue;
        }
        SocketAddress peer;
        Fd accepted(::accept4(socket_.get(), peer.get(), &peer.length, SOCK_CLOEXEC));
        if (accepted)
            connections.push_back({std::move(accepted), peer});
    }
}

Client::Client(const Netns &netns, Protocol protocol, const Endpoint &server, std::uint16_t port)
    : socket_(open_socket(netns, protocol, server)) {
    check(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTime, sizeof kAnswerTime),
          "SO_RCVTIMEO");
    check(::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &kAnswerTime, sizeof kAnswerTime),
          "SO_SNDTIMEO");
    if (port != 0)
        bind_to(socket_, {server.address.is_v4() ? Address::v4(0, 0, 0, 0) : Address(), port});
    SocketAddress address(server);
    check(::connect(socket_.get(), address.get(), address.length), "connect");
}

bool Client::send(const std::string &text) const {
    return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) >= 0;
}

std::optional<std::string> Client::ask(const std::string &text) const {
    return send(text) ? receive() : std::nullopt;
}

std::optional<std::string> Client::receive() const {
    std::string reply(kLongestText, '\0');
    const auto got = ::recv(socket_.get(), reply.data(), reply.size(), 0);
    if (got <= 0)
        return std::nullopt;
    return reply.substr(0, static_cast<std::size_t>(got));
}

Endpoint Client::local() const {
    SocketAddress address;
    check(::getsockname(socket_.get(), address.get(), &address.length), "getsockname");
    return address.endpoint();
}

void send_frame(const Netns &netns, const std::string &interface, const Bytes &frame) {
    send_frames(netns, interface, 1, [&](std::uint32_t) { return frame; });
}

void send_frames(const Netns &netns, const std::string &interface, std::uint32_t count,
                 const std::function<Bytes(std::uint32_t)> &make) {
    netns.run([&] {
        const Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
        check(socket.get(), "socket");
        sockaddr_ll to{};
        to.sll_family = AF_PACKET;
        to.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
        for (std::uint32_t i = 0; i < count; i++) {
            const Bytes frame = make(i);
            while (::sendto(socket.get(), frame.data(), frame.size(), 0,
                            reinterpret_cast<const sockaddr *>(&to), sizeof to) < 0) {
                check(errno == ENOBUFS ? 0 : -1, "send a frame");
                std::this_thread::yield();  // the link's queue is full
            }
        }
    });
}

}  // namespace weir::test
