#include "tests/support/traffic.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

namespace weir::test {
namespace {

constexpr int kStepMs = 20;
constexpr timeval kAnswerTime{3, 0};

void check(int result, const char *what) {
    if (result < 0)
        throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in to_sockaddr(const Endpoint &endpoint) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    address.sin_addr.s_addr = endpoint.address.v4_network_order();
    return address;
}

Endpoint from_sockaddr(const sockaddr_in &address) {
    return {Address::v4(address.sin_addr.s_addr), ntohs(address.sin_port)};
}

Fd open_socket(const Netns &netns, Protocol protocol) {
    Fd socket;
    netns.run([&] {
        socket = Fd(::socket(
            AF_INET, (protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
    });
    check(socket.get(), "socket");
    const int on = 1;
    check(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    return socket;
}

void bind_to(const Fd &socket, const Endpoint &endpoint) {
    const auto address = to_sockaddr(endpoint);
    check(::bind(socket.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address),
          "bind");
}

// One exchange; false when the peer has no more to say.
bool answer(int socket, const std::string &name, const sockaddr_in *connected) {
    std::array<char, 2048> text{};
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    const auto got = ::recvfrom(socket, text.data(), text.size(), 0,
                                reinterpret_cast<sockaddr *>(&peer), &length);
    if (got <= 0)
        return false;
    const auto seen = from_sockaddr(connected == nullptr ? peer : *connected).to_string();
    const auto reply =
        name + " " + seen + " " + std::string(text.data(), static_cast<std::size_t>(got));
    const auto *to = connected == nullptr ? reinterpret_cast<const sockaddr *>(&peer) : nullptr;
    return ::sendto(socket, reply.data(), reply.size(), MSG_NOSIGNAL, to,
                    to == nullptr ? 0 : sizeof peer) >= 0;
}

}  // namespace

EchoServer::EchoServer(const Netns &netns, Protocol protocol, const Endpoint &endpoint,
                       std::string name)
    : protocol_(protocol), name_(std::move(name)), socket_(open_socket(netns, protocol)) {
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
        sockaddr_in peer;
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
        sockaddr_in peer{};
        socklen_t length = sizeof peer;
        Fd accepted(
            ::accept4(socket_.get(), reinterpret_cast<sockaddr *>(&peer), &length, SOCK_CLOEXEC));
        if (accepted)
            connections.push_back({std::move(accepted), peer});
    }
}

Client::Client(const Netns &netns, Protocol protocol, const Endpoint &server, std::uint16_t port)
    : socket_(open_socket(netns, protocol)) {
    check(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTime, sizeof kAnswerTime),
          "SO_RCVTIMEO");
    check(::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &kAnswerTime, sizeof kAnswerTime),
          "SO_SNDTIMEO");
    if (port != 0)
        bind_to(socket_, {Address::v4(0, 0, 0, 0), port});
    const auto address = to_sockaddr(server);
    check(::connect(socket_.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address),
          "connect");
}

std::optional<std::string> Client::ask(const std::string &text) const {
    std::array<char, 2048> reply{};
    if (::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0)
        return std::nullopt;
    const auto got = ::recv(socket_.get(), reply.data(), reply.size(), 0);
    if (got <= 0)
        return std::nullopt;
    return std::string(reply.data(), static_cast<std::size_t>(got));
}

Endpoint Client::local() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    check(::getsockname(socket_.get(), reinterpret_cast<sockaddr *>(&address), &length),
          "getsockname");
    return from_sockaddr(address);
}

}  // namespace weir::test
