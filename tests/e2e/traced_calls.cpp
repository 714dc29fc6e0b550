#include "tests/e2e/traced_calls.h"

#include <sys/socket.h>

#include "tests/e2e/traced.h"

namespace weir::test {

Fd new_socket(int domain, int type) {
    Fd fd(::socket(domain, type | SOCK_CLOEXEC, 0));
    require(static_cast<bool>(fd), "socket");
    return fd;
}

Fd named_socket(int backlog) {
    Fd fd = new_socket(AF_UNIX, SOCK_STREAM);
    sockaddr address{};
    address.sa_family = AF_UNIX;
    require(::bind(fd.get(), &address, sizeof address.sa_family) == 0, "bind");
    require(backlog < 0 || ::listen(fd.get(), backlog) == 0, "listen");
    return fd;
}

int connect_to(const Fd &client, const Fd &server) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    auto *name = reinterpret_cast<sockaddr *>(&address);
    require(::getsockname(server.get(), name, &size) == 0, "getsockname");
    return ::connect(client.get(), name, size);
}

std::array<Fd, 2> new_pair() {
    std::array<int, 2> ends{};
    require(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "socketpair");
    return {Fd(ends[0]), Fd(ends[1])};
}

void send_and_receive(int times) {
    const auto pair = new_pair();
    char byte = 'x';
    for (int i = 0; i < times; i++)
        require(::send(pair[0].get(), &byte, 1, 0) == 1 && ::recv(pair[1].get(), &byte, 1, 0) == 1,
                "send and recv");
}

void send_and_receive_messages(int single, int multiple) {
    const auto pair = new_pair();
    char byte = 'x';
    iovec part{&byte, 1};
    std::array<mmsghdr, 2> messages{};
    for (mmsghdr &one : messages) {
        one.msg_hdr.msg_iov = &part;
        one.msg_hdr.msg_iovlen = 1;
    }
    for (int i = 0; i < single; i++)
        require(::sendmsg(pair[0].get(), &messages[0].msg_hdr, 0) == 1 &&
                    ::recvmsg(pair[1].get(), &messages[0].msg_hdr, 0) == 1,
                "sendmsg and recvmsg");
    for (int i = 0; i < multiple; i++)
        require(::sendmmsg(pair[0].get(), messages.data(), 2, 0) == 2 &&
                    ::recvmmsg(pair[1].get(), messages.data(), 2, 0, nullptr) == 2,
                "sendmmsg and recvmmsg");
}

void connect_and_accept(int times) {
    for (int i = 0; i < times; i++) {
        const Fd server = named_socket(1);
        const Fd client = new_socket(AF_UNIX, SOCK_STREAM);
        require(connect_to(client, server) == 0, "connect");
        const Fd peer(i % 3 == 0 ? ::accept(server.get(), nullptr, nullptr)
                                 : ::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
        require(static_cast<bool>(peer), "accept");
    }
}

}  // namespace weir::test
