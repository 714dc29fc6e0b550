// Small servers and clients of TCP and UDP over IPv4 and IPv6, each in its namespace.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "lb/dataplane/fd.h"
#include "lb/net/address.h"
#include "tests/support/frame.h"
#include "tests/support/netns.h"

namespace weir::test {

// Answers "NAME PEER-ADDRESS:PORT TEXT" to every TEXT, so that a client learns who served it and as
// whom it was seen. Serves many connections, each in turn for one exchange or many.
class EchoServer {
  public:
    EchoServer(const Netns &netns, Protocol protocol, const Endpoint &endpoint, std::string name);
    ~EchoServer();
    EchoServer(const EchoServer &) = delete;
    EchoServer &operator=(const EchoServer &) = delete;
    EchoServer(EchoServer &&) = delete;
    EchoServer &operator=(EchoServer &&) = delete;

  private:
    void serve();

    Protocol protocol_;
    std::string name_;
    Fd socket_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

// A client's socket, connected; gives up after some seconds.
class Client {
  public:
    // `port` is the client's own; 0: the kernel's choice. Throws std::system_error.
    Client(const Netns &netns, Protocol protocol, const Endpoint &server, std::uint16_t port = 0);

    // Sends, and returns what came back; nothing when there was no answer in time.
    std::optional<std::string> ask(const std::string &text) const;
    // The two halves of it.
    bool send(const std::string &text) const;
    std::optional<std::string> receive() const;
    Endpoint local() const;

  private:
    Fd socket_;
};

// Sends one Ethernet frame, as it is, out of an interface. Throws std::system_error.
void send_frame(const Netns &netns, const std::string &interface, const Bytes &frame);
// So many, as fast as the link takes them; make() gets 0, 1, ...
void send_frames(const Netns &netns, const std::string &interface, std::uint32_t count,
                 const std::function<Bytes(std::uint32_t)> &make);

}  // namespace weir::test
