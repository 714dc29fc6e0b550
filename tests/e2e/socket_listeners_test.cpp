// Listeners: one local socket for a range of ports, and for every address of a block.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tests/e2e/sockets.h"

namespace weir::test {
namespace {

class SocketListeners : public SocketsTest {
  protected:
    static std::string block() { return v4() ? "203.0.113.128/25" : "2001:db8:99::/64"; }
    static Endpoint at(int number, int port) {
        const auto text = (v4() ? "203.0.113." : "2001:db8:99::") + std::to_string(number);
        return {Address::parse(text).value(), static_cast<std::uint16_t>(port)};
    }
    static Endpoint home(int port) {
        return {Address::parse(v4() ? "127.0.0.1" : "::1").value(),
                static_cast<std::uint16_t>(port)};
    }
    // Delivered to this host, and on the client's way there.
    void route() {
        world().weir.command("ip route add local " + block() + " dev lo");
        if (!v4())
            world().client_host.command("ip route add " + block() + " via 2001:db8:1::1");
    }
    static std::string listener(const std::string &addresses, const std::string &ports,
                                const std::string &protocol, int to) {
        return "{addresses: \"" + addresses + "\", ports: " + ports + ", protocol: " + protocol +
               ", to: \"" + home(to).to_string() + "\"}";
    }
    ProcessOptions client() { return {.netns = &world().client_host}; }
    std::string served_by(const std::string &kind, const Endpoint &to) {
        const auto said = ask(kind, to, 1, client()).front();
        EXPECT_TRUE(said.error.empty() || said.server.empty());
        return said.error.empty() ? said.server : said.error;
    }
    static Fd udp_socket(const Endpoint &at) {
        Fd socket(::socket(at.address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(at.port);
        std::memcpy(&v6.sin6_addr, at.address.bytes().data(), sizeof v6.sin6_addr);
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(at.port);
        v4.sin_addr.s_addr = at.address.is_v4() ? at.address.v4_network_order() : 0;
        const bool done =
            at.address.is_v4()
                ? ::bind(socket.get(), reinterpret_cast<sockaddr *>(&v4), sizeof v4) == 0
                : ::bind(socket.get(), reinterpret_cast<sockaddr *>(&v6), sizeof v6) == 0;
        EXPECT_TRUE(done) << std::strerror(errno);
        return socket;
    }
    bool listens(const std::string &name, double is) {
        return eventually(
            [&] { return metric("weir_socket_listener_up{listener=\"" + name + "\"}") == is; });
    }
};

TEST_P(SocketListeners, ServeARangeOfPortsOnEveryAddressOfABlock) {
    route();
    const EchoServer wide(world().weir, Protocol::tcp, home(8080), "wide");
    const EchoServer narrow(world().weir, Protocol::tcp, home(8081), "narrow");
    const auto one = at(200, 0).address.to_string();
    run_weir(settings(", listeners: [" + listener(block(), "8000-8999", "tcp", 8080) + ", " +
                      listener(one, "8000-8999", "tcp", 8081) + "]"));
    ASSERT_TRUE(listens(block() + " 8000-8999 tcp", 1));
    EXPECT_EQ(served_by("tcp", at(130, 8000)), "wide");
    EXPECT_EQ(served_by("tcp", at(199, 8999)), "wide");
    EXPECT_EQ(served_by("tcp", at(200, 8500)), "narrow");
    EXPECT_EQ(served_by("tcp", at(130, 7999)), "Connection refused");
    EXPECT_EQ(served_by("tcp", at(130, 9000)), "Connection refused");
    EXPECT_EQ(served_by("tcp", at(130, 5353)), "Connection refused");
}

// What it answers, and from which address, is the program's business (IP_PKTINFO).
TEST_P(SocketListeners, AUdpSocketGetsTheDatagramsOfABlock) {
    route();
    Fd socket;
    world().weir.run([&] { socket = udp_socket(home(5353)); });
    run_weir(settings(", listeners: [" + listener(block(), "5353", "udp", 5353) + "]"));
    ASSERT_TRUE(listens(block() + " 5353-5353 udp", 1));
    const Client sender(world().client_host, Protocol::udp, at(130, 5353));
    ASSERT_TRUE(sender.send("for 130"));
    std::array<char, 64> got{};
    EXPECT_TRUE(eventually(
        [&] { return ::recv(socket.get(), got.data(), got.size(), MSG_DONTWAIT) == 7; }));
    EXPECT_EQ(std::string(got.data()), "for 130");
}

TEST_P(SocketListeners, AServerThatStartsAgainIsFoundAndTheDaemonNeedNotBeThere) {
    route();
    auto server = std::make_unique<EchoServer>(world().weir, Protocol::tcp, home(8080), "first");
    run_weir(settings(", listeners: [" + listener(block(), "80", "tcp", 8080) + "]"));
    const auto name = block() + " 80-80 tcp";
    ASSERT_TRUE(listens(name, 1));
    server.reset();
    ASSERT_TRUE(listens(name, 0));
    EXPECT_EQ(served_by("tcp", at(130, 80)), "Connection refused");
    EXPECT_NE(
        daemon().err().find("listener " + name + ": nobody listens at " + home(8080).to_string()),
        std::string::npos)
        << daemon().err();
    server = std::make_unique<EchoServer>(world().weir, Protocol::tcp, home(8080), "second");
    ASSERT_TRUE(listens(name, 1));
    EXPECT_EQ(served_by("tcp", at(130, 80)), "second");
    end_daemon(SIGKILL);
    EXPECT_EQ(served_by("tcp", at(131, 80)), "second");
    command({"detach"});
    EXPECT_EQ(served_by("tcp", at(131, 80)), "Connection refused");
}

TEST_P(SocketListeners, AReloadChangesThem) {
    route();
    const EchoServer a(world().weir, Protocol::tcp, home(8080), "a");
    const EchoServer b(world().weir, Protocol::tcp, home(8081), "b");
    run_weir(settings(", listeners: [" + listener(block(), "80", "tcp", 8080) + "]"));
    ASSERT_TRUE(listens(block() + " 80-80 tcp", 1));
    EXPECT_EQ(served_by("tcp", at(130, 80)), "a");
    reload(settings(", listeners: [" + listener(block(), "80-81", "tcp", 8081) + "]"));
    ASSERT_TRUE(listens(block() + " 80-81 tcp", 1));
    EXPECT_EQ(served_by("tcp", at(130, 80)), "b");
    reload(settings());
    EXPECT_EQ(served_by("tcp", at(130, 80)), "Connection refused");
}

INSTANTIATE_TEST_SUITE_P(Family, SocketListeners, testing::Values(Family::v4, Family::v6),
                         [](const auto &instance) { return to_string(instance.param); });

}  // namespace
}  // namespace weir::test
