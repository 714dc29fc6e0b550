// The socket path: programs of a cgroup reach the services at connect() and sendmsg().
#include <set>

#include "tests/e2e/sockets.h"

namespace weir::test {
namespace {

using Sockets = SocketsTest;

TEST_P(Sockets, ConnectionsGoToABackendAndSeeTheVip) {
    run_weir(settings());
    const auto all = ask("tcp-each", world().vip_tcp, 40);
    expect_served(all, world().vip_tcp, true);
    EXPECT_EQ(servers(all), (std::set<std::string>{"one", "two"}));
    // the backend sees this host, and no address of Weir's pool
    EXPECT_NE(all.front().client.find(
                  (all.front().server == "one" ? world().one_side : world().two_side).to_string()),
              std::string::npos)
        << all.front().client;
    EXPECT_EQ(packets(), 0) << "a packet to the VIP was on an interface";
    EXPECT_EQ(metric("weir_socket_connects_total{service=\"web\",backend=\"" +
                     world().at_one.to_string() + "\"}") +
                  metric("weir_socket_connects_total{service=\"web\",backend=\"" +
                         world().at_two.to_string() + "\"}"),
              40);
    EXPECT_TRUE(eventually([&] {
        return connections("web", world().at_one) + connections("web", world().at_two) == 0;
    })) << "closed sockets count as live";
}

TEST_P(Sockets, DatagramsStayWithOneBackendAndAreAnsweredByTheVip) {
    run_weir(settings());
    for (const auto *kind : {"connected", "named", "datagram"}) {
        const auto all = ask(kind, world().vip_udp, 20);
        expect_served(all, world().vip_udp, std::string(kind) != "datagram");
        EXPECT_EQ(servers(all).size(), 1U) << kind;
        for (const auto &one : all)
            EXPECT_EQ(one.from, world().vip_udp.to_string());
    }
    EXPECT_EQ(packets(), 0);
}

TEST_P(Sockets, CurlAndDigAndIperfReachTheirVips) {
    folder().write("page", std::string(100000, 'x'));
    auto wanted = settings();
    const auto host = world().vip_tcp.address.to_string();
    const auto serve = [&](const char *name, int vip_port, const char *protocol, int port) {
        wanted.services += "  - {name: " + std::string(name) + ", vip: \"" + host +
                           "\", port: " + std::to_string(vip_port) + ", protocol: " + protocol +
                           ", backends: [{address: \"" + world().at_one.address.to_string() +
                           "\", port: " + std::to_string(port) + "}]}\n";
    };
    serve("page", 81, "tcp", 8080);
    serve("names", 5300, "udp", 53);
    serve("names-tcp", 5300, "tcp", 53);
    serve("bulk", 5201, "tcp", 5202);
    run_weir(wanted);
    end_server_one();
    const WebServer web(world().one, folder(), "web");
    const auto url = "http://" + (v4() ? host : "[" + host + "]") + ":81/page";
    const auto page = run({"curl", "-sS", "--max-time", "8", url}, inside());
    EXPECT_EQ(page.out.size(), 100000U) << page.err;
    EXPECT_NE(run({"curl", "-sS", "--max-time", "2", url}, outside()).status, 0);

    const Process names({"dnsmasq", "-k", "-C", "/dev/null", "-p", "53", "-u", "root",
                         "--no-resolv", "--no-hosts", "--address=/www.example/192.0.2.200"},
                        {.netns = &world().one});
    for (const auto *transport : {"+notcp", "+tcp"})
        EXPECT_TRUE(eventually([&] {
            const auto said = run({"dig", "@" + host, "-p", "5300", transport, "+tries=1",
                                   "+time=1", "+short", "www.example", "A"},
                                  inside());
            return said.out == "192.0.2.200\n";
        })) << transport;

    const Process server({"iperf3", "-s", "-1", "-p", "5202"}, {.netns = &world().one});
    EXPECT_TRUE(eventually([&] {
        const auto said =
            run({"iperf3", "-c", host, "-p", "5201", "-n", "20M", "--json"}, inside());
        return said.status == 0;
    }));
    EXPECT_EQ(packets(), 0);
}

TEST_P(Sockets, ProgramsOutsideTheCgroupAreUntouched) {
    run_weir(settings());
    for (const auto *kind : {"tcp", "connected", "datagram"}) {
        const auto &vip = std::string(kind) == "tcp" ? world().vip_tcp : world().vip_udp;
        const auto all = ask(kind, vip, 1, outside());
        ASSERT_EQ(all.size(), 1U);
        EXPECT_EQ(all.front().error, "Network is unreachable") << kind;
    }
    const auto direct = ask("tcp", world().at_one, 2, outside());
    EXPECT_EQ(direct.front().peer, world().at_one.to_string());
    EXPECT_EQ(connections("web", world().at_one), 0);
}

TEST_P(Sockets, WhatIsNoServiceIsUntouched) {
    run_weir(settings());
    for (const auto *kind : {"tcp", "connected", "datagram"}) {
        const auto all = ask(kind, world().at_one, 2);
        EXPECT_EQ(all.front().error, "");
        EXPECT_EQ(all.front().from == "-" ? all.front().peer : all.front().from,
                  world().at_one.to_string());
    }
    EXPECT_EQ(metric("weir_socket_connections{service=\"web\",backend=\"" +
                     world().at_one.to_string() + "\"}"),
              0);
}

TEST_P(Sockets, AnIpv6SocketReachesAnIpv4VipByItsMappedAddress) {
    if (!v4())
        GTEST_SKIP() << "only addresses of IPv4 are mapped";
    run_weir(settings());
    const auto mapped = [](const Endpoint &vip) {
        return "[::ffff:" + vip.address.to_string() + "]:" + std::to_string(vip.port);
    };
    const auto tcp = ask("mapped-tcp-each", world().vip_tcp, 10);
    EXPECT_EQ(servers(tcp), (std::set<std::string>{"one", "two"}));
    for (const auto &one : tcp)
        EXPECT_EQ(one.peer, mapped(world().vip_tcp)) << one.error;
    for (const auto *kind : {"mapped-connected", "mapped-named", "mapped-datagram"}) {
        const auto all = ask(kind, world().vip_udp, 10);
        EXPECT_EQ(servers(all).size(), 1U) << kind;
        for (const auto &one : all) {
            EXPECT_EQ(one.error, "") << kind;
            EXPECT_EQ(one.from, mapped(world().vip_udp)) << kind;
            EXPECT_EQ(one.peer,
                      kind == std::string("mapped-datagram") ? "-" : mapped(world().vip_udp));
        }
    }
    EXPECT_EQ(packets(), 0);
}

TEST_P(Sockets, I7TheyGoOnWithoutTheDaemonAndWithTheNextOne) {
    run_weir(settings());
    const auto tcp = keep_asking("tcp", world().vip_tcp);
    const auto datagram = keep_asking("datagram", world().vip_udp);
    const auto connected = keep_asking("connected", world().vip_udp);
    const auto expect_all_served = [&](const char *when) {
        SCOPED_TRACE(when);
        expect_served(next(*tcp), world().vip_tcp, true);
        expect_served(next(*datagram), world().vip_udp, false);
        expect_served(next(*connected), world().vip_udp, true);
        expect_served(ask("tcp-each", world().vip_tcp, 4), world().vip_tcp, true);
    };
    end_daemon(SIGKILL);
    expect_all_served("without a daemon");
    start_daemon();
    expect_all_served("with the next one");
    EXPECT_EQ(connections("web", world().at_one) + connections("web", world().at_two), 1);
    end_daemon(SIGTERM);
    start_daemon(WEIR_NEXT_BINARY);
    expect_all_served("with one of other tables");
    EXPECT_EQ(connections("web", world().at_one) + connections("web", world().at_two), 1);
    EXPECT_EQ(servers(parse_exchanges(tcp->out())).size(), 1U);
    EXPECT_EQ(servers(parse_exchanges(datagram->out())).size(), 1U);
}

TEST_P(Sockets, DetachLeavesConnectionsAlive) {
    run_weir(settings());
    const auto tcp = keep_asking("tcp", world().vip_tcp);
    const auto connected = keep_asking("connected", world().vip_udp);
    end_daemon(SIGTERM);
    command({"detach"});
    for (const auto &one : next(*tcp))
        EXPECT_EQ(one.error, "");
    // the datagram that is under way at that moment may be lost on a busy host, those after it are
    // not
    const auto answers = next(*connected, 3);
    for (std::size_t i = 1; i < answers.size(); i++)
        EXPECT_EQ(answers[i].error, "");
    EXPECT_EQ(ask("tcp", world().vip_tcp, 1).front().error, "Network is unreachable");
    EXPECT_EQ(run({"bpftool", "cgroup", "show", cgroup().path()}).out.find("weir_"),
              std::string::npos);
}

TEST_P(Sockets, AReloadPutsThemOnAndTakesThemOff) {
    auto without = settings();
    without.more.clear();
    run_weir(without);
    EXPECT_EQ(ask("tcp", world().vip_tcp, 1).front().error, "Network is unreachable");
    reload(settings());
    const auto tcp = keep_asking("tcp", world().vip_tcp);
    expect_served(ask("tcp-each", world().vip_tcp, 4), world().vip_tcp, true);
    reload(without);
    EXPECT_EQ(ask("tcp", world().vip_tcp, 1).front().error, "Network is unreachable");
    for (const auto &one : next(*tcp))
        EXPECT_EQ(one.error, "");
    tcp->kill(SIGKILL);
    tcp->wait();
    reload(settings());
    expect_served(ask("tcp-each", world().vip_tcp, 4), world().vip_tcp, true);
    EXPECT_TRUE(eventually([&] {
        return connections("web", world().at_one) + connections("web", world().at_two) == 0;
    })) << "what ended meanwhile counts as live";
}

TEST_P(Sockets, NeedNoInterface) {
    auto wanted = settings();
    auto text = wanted.text();
    text = "interfaces: []\n" + text.substr(text.find("services:"));
    const auto file = write_config(text);
    const auto weir = start(file);
    expect_served(ask("tcp-each", world().vip_tcp, 4), world().vip_tcp, true);
    EXPECT_NE(weir->err().find(", on the sockets of " + cgroup().path()), std::string::npos)
        << weir->err();
    const auto status = listing({"status"});
    EXPECT_EQ(status["sockets"], cgroup().path());
    EXPECT_EQ(status["interfaces"].size(), 0U);
    weir->kill(SIGTERM);
    EXPECT_EQ(weir->wait().status, 0);
    command({"detach"});
}

TEST_P(Sockets, I8AFolderThatIsNoCgroupChangesNothing) {
    run_weir(settings());
    auto wrong = settings();
    wrong.more = "sockets:\n  cgroup: /proc\n";
    const auto file = write_config(wrong.text());
    const auto done = weir({"reload"});
    EXPECT_EQ(done.status, 1);
    EXPECT_NE(done.err.find(file + ":"), std::string::npos) << done.err;
    EXPECT_NE(done.err.find("sockets: /proc is no folder of cgroup v2"), std::string::npos)
        << done.err;
    EXPECT_EQ(lines(done.err), 1U);
    expect_served(ask("tcp-each", world().vip_tcp, 4), world().vip_tcp, true);
}

INSTANTIATE_TEST_SUITE_P(Family, Sockets, testing::Values(Family::v4, Family::v6),
                         [](const auto &instance) { return to_string(instance.param); });

}  // namespace
}  // namespace weir::test
