// The socket path: what a service lets in, several VIPs of one socket, and what bind() and socket()
// refuse.
#include <algorithm>
#include <set>

#include "tests/e2e/sockets.h"

namespace weir::test {
namespace {

using SocketPolicy = SocketsTest;

TEST_P(SocketPolicy, OneSocketThatSendsToManyVipsIsAnsweredByEach) {
    auto wanted = settings();
    std::string to = world().vip_udp.to_string();
    for (int i = 1; i <= 5; i++) {
        const Endpoint vip{world().vip_udp.address, static_cast<std::uint16_t>(5000 + i)};
        wanted.services +=
            "  - {name: more" + std::to_string(i) + ", vip: \"" + vip.address.to_string() +
            "\", port: " + std::to_string(vip.port) + ", protocol: udp, backends: [{address: \"" +
            world().at_one.address.to_string() + "\", port: " + std::to_string(9000 + i) + "}]}\n";
        to += "," + vip.to_string();
    }
    std::vector<std::unique_ptr<EchoServer>> servers;
    for (int i = 1; i <= 5; i++)
        servers.push_back(std::make_unique<EchoServer>(
            world().one, Protocol::udp,
            Endpoint{world().at_one.address, static_cast<std::uint16_t>(9000 + i)},
            "more" + std::to_string(i)));
    run_weir(wanted);
    const auto all = ask("datagram", to, 18);
    for (std::size_t i = 0; i < all.size(); i++) {
        const auto which = i % 6;
        const auto port = which == 0 ? world().vip_udp.port : 5000 + which;
        EXPECT_EQ(
            all[i].from,
            (Endpoint{world().vip_udp.address, static_cast<std::uint16_t>(port)}).to_string());
        EXPECT_EQ(all[i].server.substr(0, 4), which > 0 ? "more" : all[0].server.substr(0, 4));
    }
}

TEST_P(SocketPolicy, I4TwoVipsOfOneSocketGetBackendsOfTheirOwn) {
    auto wanted = settings();
    const Endpoint other{world().vip_udp.address, 5000};
    wanted.services += "  - {name: other, vip: \"" + other.address.to_string() +
                       "\", port: 5000, protocol: udp, backends: [{address: \"" +
                       world().at_one.address.to_string() + "\", port: 8080}, {address: \"" +
                       world().at_two.address.to_string() + "\", port: 8080}]}\n";
    run_weir(wanted);
    for (int i = 0; i < 10; i++) {
        const auto all = ask("datagram", world().vip_udp.to_string() + "," + other.to_string(), 4);
        for (std::size_t k = 0; k < all.size(); k++)
            EXPECT_EQ(all[k].from, (k % 2 == 0 ? world().vip_udp : other).to_string());
        EXPECT_NE(all[0].server, all[1].server);
        EXPECT_EQ(all[0].server, all[2].server);
    }
}

TEST_P(SocketPolicy, ProgramsAreRefusedWhatTheServiceRefuses) {
    auto wanted = settings();
    wanted.of_web =
        "source_ranges: [\"" + std::string(v4() ? "10.0.0.0/8" : "2001:db8:99::/48") + "\"]";
    run_weir(wanted);
    EXPECT_EQ(ask("tcp", world().vip_tcp, 1).front().error, "Operation not permitted");
    EXPECT_EQ(ask("connected", world().vip_udp, 1).front().error, "Operation not permitted");
    EXPECT_EQ(ask("datagram", world().vip_udp, 1).front().error, "Operation not permitted");
    EXPECT_EQ(metric("weir_socket_refused_total{reason=\"source_denied\"}"), 3);
    // as whom they come to its first backend
    wanted.of_web =
        "source_ranges: [\"" + world().one_side.to_string() + (v4() ? "/32" : "/128") + "\"]";
    reload(wanted);
    expect_served(ask("tcp-each", world().vip_tcp, 4), world().vip_tcp, true);
    wanted.of_web = "limits: {new_flows_per_second: 1}";
    reload(wanted);
    const auto all = ask("tcp-each", world().vip_tcp, 30);
    EXPECT_GT(std::count_if(all.begin(), all.end(),
                            [](const auto &one) { return one.error == "Connection refused"; }),
              20);
    EXPECT_GT(metric("weir_socket_refused_total{reason=\"service_rate\"}"), 20);
}

TEST_P(SocketPolicy, SessionAffinityKeepsAllOfTheHostWithOneBackend) {
    auto wanted = settings();
    wanted.of_web = "session_affinity: {timeout: 10m}";
    run_weir(wanted);
    EXPECT_EQ(servers(ask("tcp-each", world().vip_tcp, 20)).size(), 1U);
}

TEST_P(SocketPolicy, LeastConnCountsThem) {
    auto wanted = settings();
    wanted.of_web = "scheduler: least-conn";
    run_weir(wanted);
    std::vector<std::unique_ptr<Process>> programs;
    std::map<std::string, int> served;
    for (int i = 0; i < 6; i++) {
        programs.push_back(keep_asking("tcp", world().vip_tcp));
        served[parse_exchanges(programs.back()->out()).front().server]++;
    }
    EXPECT_EQ(served, (std::map<std::string, int>{{"one", 3}, {"two", 3}}));
    EXPECT_EQ(connections("web", world().at_one), 3);
    EXPECT_EQ(connections("web", world().at_two), 3);
}

TEST_P(SocketPolicy, BindIsRefusedWhereTheDataPathHasThePort) {
    auto wanted = settings(", bind: {allow: [\"20005\"]}");
    wanted.more += std::string(kSnat);
    run_weir(wanted);
    const auto refused = [&](const std::string &address, int port, const ProcessOptions &options) {
        const Endpoint to{Address::parse(address).value(), static_cast<std::uint16_t>(port)};
        const auto said = ask("bind", to, 1, options).front().error;
        EXPECT_TRUE(said.empty() || said == "Address already in use") << said;
        return !said.empty();
    };
    const std::string any = v4() ? "0.0.0.0" : "::";
    EXPECT_TRUE(refused(any, 20001, inside()));
    EXPECT_TRUE(refused(world().one_side.to_string(), 20001, inside()));
    EXPECT_FALSE(refused(world().two_side.to_string(), 20001, inside()));
    EXPECT_FALSE(refused(any, 20005, inside())) << "it is allowed";
    EXPECT_FALSE(refused(any, 30000, inside()));
    EXPECT_FALSE(refused(any, 20001, outside()));
    EXPECT_TRUE(refused(world().vip_tcp.address.to_string(), 80, inside()));
    EXPECT_FALSE(refused(world().vip_tcp.address.to_string(), 81, inside()));
    EXPECT_EQ(metric("weir_socket_events_total{event=\"bind_snat\"}"), 2);
    EXPECT_EQ(metric("weir_socket_events_total{event=\"bind_vip\"}"), 1);
    auto elsewhere = inside();
    elsewhere.netns = &world().one;
    EXPECT_FALSE(refused(any, 20001, elsewhere)) << "those ports are another host's";
    auto open = settings(", bind: {guard: false}");
    open.more += std::string(kSnat);
    reload(open);
    EXPECT_FALSE(refused(any, 20001, inside()));
}

TEST_P(SocketPolicy, KindsOfSocketsAreDeniedMarkedAndCounted) {
    run_weir(
        settings(v4() ? ", deny: [ipv4/dgram], mark: 0x2a" : ", deny: [ipv6/dgram], mark: 42"));
    EXPECT_EQ(ask("datagram", world().vip_udp, 1).front().error, "Permission denied");
    EXPECT_EQ(metric("weir_socket_events_total{event=\"denied\"}"), 1);
    EXPECT_EQ(ask("mark", world().vip_tcp, 1).front().from, "42");
    ask("tcp-each", world().vip_tcp, 5);
    const auto of = "cgroup=\"/" + cgroup().name() + "\"";
    EXPECT_EQ(metric("weir_cgroup_sockets_total{" + of + "}"), 6);
    EXPECT_EQ(metric("weir_cgroup_service_uses_total{" + of + ",service=\"web\"}"), 5);
    reload(settings());
    EXPECT_EQ(ask("datagram", world().vip_udp, 1).front().error, "");
}

INSTANTIATE_TEST_SUITE_P(Family, SocketPolicy, testing::Values(Family::v4, Family::v6),
                         [](const auto &instance) { return to_string(instance.param); });

}  // namespace
}  // namespace weir::test
