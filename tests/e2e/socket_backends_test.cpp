// The socket path, and backends that die, drain and go.
#include <chrono>
#include <set>
#include <thread>

#include "tests/e2e/sockets.h"

namespace weir::test {
namespace {

class SocketsOfBackends : public SocketsTest {
  protected:
    void run_checked(const std::string &on_down) {
        auto wanted = settings();
        wanted.of_web = "on_down: " + on_down +
                        "\n    health_check: {type: tcp, interval: 1s, timeout: 500ms, rise: 1, "
                        "fall: 1}";
        run_weir(wanted);
    }
    // A program whose connection is with `server`.
    std::unique_ptr<Process> with(const std::string &kind, const std::string &server) {
        const auto &vip = kind.compare(0, 3, "tcp") == 0 ? world().vip_tcp : world().vip_udp;
        for (int i = 0; i < 50; i++) {
            auto program = keep_asking(kind, vip);
            if (parse_exchanges(program->out()).front().server == server)
                return program;
        }
        ADD_FAILURE() << "nobody was served by " << server;
        return keep_asking(kind, vip);
    }
    // Backend one answers nothing any more, as one that has lost its power.
    void silence(bool on) {
        world().one.command(std::string("ip route ") + (on ? "add" : "del") + " blackhole " +
                            world().one_side.to_string() + (v4() ? "/32" : "/128"));
    }
    static bool says(const Process &program, const std::string &error) {
        return eventually(
            [&] { return program.out().find("error=" + error) != std::string::npos; });
    }
};

TEST_P(SocketsOfBackends, DrainedOnesGetNoNewSocketsAndKeepTheirOwn) {
    run_weir(settings());
    const auto tcp = with("tcp", "one");
    const auto datagram = with("datagram", "one");
    for (const auto *service : {"web", "dns"})
        command({"backend", "drain", service, world().at_one.to_string()});
    EXPECT_EQ(servers(ask("tcp-each", world().vip_tcp, 10)), (std::set<std::string>{"two"}));
    EXPECT_EQ(servers(ask("datagram", world().vip_udp, 3)), (std::set<std::string>{"two"}));
    EXPECT_EQ(servers(next(*tcp)), (std::set<std::string>{"one"}));
    EXPECT_EQ(servers(next(*datagram)), (std::set<std::string>{"one"}));
}

TEST_P(SocketsOfBackends, NoProgramHangsOnOneThatIsDown) {
    run_checked("reset");
    const auto stuck = with("tcp", "one");
    const auto fine = with("tcp", "two");
    const auto outside_program = keep_asking("tcp", world().at_one, outside());
    const auto direct = keep_asking("tcp", world().at_one);
    silence(true);
    EXPECT_TRUE(says(*stuck, "Software caused connection abort")) << stuck->out();
    EXPECT_GE(metric("weir_socket_ended_total{protocol=\"tcp\"}"), 1);
    EXPECT_EQ(fine->out().find("error="), std::string::npos);
    EXPECT_EQ(direct->out().find("abort"), std::string::npos) << "nobody asked Weir for it";
    EXPECT_EQ(outside_program->out().find("abort"), std::string::npos);
    EXPECT_EQ(servers(ask("tcp-each", world().vip_tcp, 6)), (std::set<std::string>{"two"}));
    silence(false);
    for (const auto *program : {direct.get(), outside_program.get()}) {
        EXPECT_EQ(next(*program).back().server, "one") << program->out();
        EXPECT_EQ(program->out().find("abort"), std::string::npos);
    }
}

TEST_P(SocketsOfBackends, OnDownKeepLeavesThemAlone) {
    run_checked("keep");
    const auto stuck = with("tcp", "one");
    silence(true);
    ASSERT_TRUE(eventually([&] {
        return metric("weir_backend_state{service=\"web\",backend=\"" + world().at_one.to_string() +
                      "\",state=\"down\"}") == 1;
    }));
    EXPECT_EQ(servers(ask("tcp-each", world().vip_tcp, 6)), (std::set<std::string>{"two"}));
    EXPECT_EQ(connections("web", world().at_one), 1) << "found";
    EXPECT_EQ(metric("weir_socket_ended_total{protocol=\"tcp\"}"), 0);
    silence(false);
    EXPECT_EQ(servers(next(*stuck)), (std::set<std::string>{"one"}));
    EXPECT_EQ(stuck->out().find("error="), std::string::npos);
}

TEST_P(SocketsOfBackends, DatagramsGoToAnotherWhenOneIsDown) {
    run_checked("reselect");
    const auto datagram = with("datagram", "one");
    silence(true);
    EXPECT_TRUE(eventually([&] {
        const auto all = parse_exchanges(datagram->out());
        return !all.empty() && all.back().server == "two";
    })) << datagram->out();
}

TEST_P(SocketsOfBackends, ARemovedOneReleasesItsUdpSocketsAndOnlyThose) {
    run_weir(settings());
    const auto connected = with("connected", "one");
    const auto other = with("connected", "two");
    const auto tcp = with("tcp", "one");
    const auto direct = keep_asking("connected", world().at_one);
    auto without = settings();
    without.backends_of_web = world().at_two.address.to_string();
    reload(without);
    // ECONNABORTED for one that waits for an answer; for one that sends, it is connected no more
    EXPECT_TRUE(says(*connected, "Destination address required")) << connected->out();
    for (const auto *program : {other.get(), tcp.get(), direct.get()})
        for (const auto &one : next(*program))
            EXPECT_EQ(one.error, "");
    EXPECT_EQ(metric("weir_socket_ended_total{protocol=\"udp\"}"), 1) << daemon().err();
}

TEST_P(SocketsOfBackends, OneThatIsAddedAgainCountsTheSocketsThatItGetsThen) {
    run_checked("reset");
    const auto before = with("tcp", "one");
    const auto reload_with = [&](const std::string &backends) {
        auto wanted = settings();
        wanted.of_web =
            "on_down: reset\n    health_check: {type: tcp, interval: 1s, timeout: 500ms, rise: 1, "
            "fall: 1}";
        wanted.backends_of_web = backends;
        reload(wanted);
    };
    reload_with(world().at_two.address.to_string());
    reload_with("");
    EXPECT_EQ(servers(next(*before)), (std::set<std::string>{"one"}));
    auto old = with("tcp", "one");
    const auto fresh = with("tcp", "one");
    EXPECT_EQ(connections("web", world().at_one), 2);
    before->kill(SIGKILL);
    before->wait();
    EXPECT_EQ(connections("web", world().at_one), 2) << "that was another count";
    old->kill(SIGKILL);
    old->wait();
    EXPECT_EQ(connections("web", world().at_one), 1);
}

TEST_P(SocketsOfBackends, OneThatIsAddedAgainAndGoesDownLetsNobodyHang) {
    run_checked("reset");
    const auto before = with("tcp", "one");
    auto wanted = settings();
    wanted.of_web =
        "on_down: reset\n    health_check: {type: tcp, interval: 1s, timeout: 500ms, rise: 1, "
        "fall: 1}";
    auto without = wanted;
    without.backends_of_web = world().at_two.address.to_string();
    reload(without);
    reload(wanted);
    EXPECT_EQ(connections("web", world().at_one), 0);
    EXPECT_EQ(servers(next(*before)), (std::set<std::string>{"one"}));
    silence(true);
    EXPECT_TRUE(says(*before, "Software caused connection abort")) << before->out();
}

TEST_P(SocketsOfBackends, ADatagramSocketThatIsConnectedNoMoreIsServed) {
    run_checked("reselect");
    const auto parted = with("parted", "one");
    const auto after = next(*parted);
    expect_served({after.begin() + 1, after.end()}, world().vip_udp, false);
    EXPECT_EQ(connections("dns", world().at_one), 0);
    if (!v4()) {  // the kernel would not give it another one's answers
        EXPECT_EQ(servers(after), (std::set<std::string>{"one"}));
        return;
    }
    silence(true);
    EXPECT_TRUE(eventually([&] {
        const auto all = parse_exchanges(parted->out());
        return !all.empty() && all.back().server == "two";
    })) << parted->out();
}

TEST_P(SocketsOfBackends, OneThatIsConnectedAnewHasItsNewPeer) {
    run_weir(settings());
    const auto all =
        ask("anew", world().vip_udp.to_string() + "," + world().at_one.to_string(), 4, inside());
    for (std::size_t i = 0; i < all.size(); i++)
        EXPECT_EQ(all[i].peer, (i % 2 == 0 ? world().vip_udp : world().at_one).to_string())
            << all[i].error;
    EXPECT_EQ(connections("dns", world().at_one) + connections("dns", world().at_two), 0);
}

// Sockets of other network namespaces cannot be ended, and so are tried each second.
TEST_P(SocketsOfBackends, WhatKeepsTheirSocketsFromBeingEndedIsSaidOnce) {
    run_checked("reset");
    world().client_host.command(std::string("ip route replace default via ") +
                                (v4() ? "198.51.100.1" : "2001:db8:1::1"));
    std::unique_ptr<Process> elsewhere;
    do
        elsewhere = keep_asking("tcp", world().vip_tcp,
                                {.netns = &world().client_host, .cgroup = cgroup().path()});
    while (parse_exchanges(elsewhere->out()).front().server == "two");
    silence(true);
    ASSERT_TRUE(daemon().wait_for_err("down, was active")) << daemon().err();
    ASSERT_EQ(connections("web", world().at_one), 1) << elsewhere->out();
    const auto limit = [&](const std::string &files) {
        return run({"prlimit", "--pid", std::to_string(daemon().pid()), "--nofile=" + files + ":"});
    };
    ASSERT_EQ(limit("3").status, 0);
    const std::string line = "sockets of local programs whose backend is gone cannot be ended";
    EXPECT_TRUE(daemon().wait_for_err(line)) << daemon().err();
    std::this_thread::sleep_for(std::chrono::seconds(3));
    ASSERT_EQ(limit("1024").status, 0);
    const auto said = daemon().err();
    EXPECT_EQ(said.find(line), said.rfind(line)) << said;
}

TEST_P(SocketsOfBackends, HowConnectionsFareIsTold) {
    run_weir(settings());
    ask("tcp-each", world().vip_tcp, 20);
    EXPECT_TRUE(
        eventually([&] { return metric("weir_socket_rtt_seconds_count{service=\"web\"}") == 20; }));
    EXPECT_EQ(metric("weir_socket_connect_seconds_count{service=\"web\"}"), 20);
    EXPECT_EQ(metric("weir_socket_retransmits_count{service=\"web\"}"), 20);
    EXPECT_EQ(metric("weir_socket_retransmits_sum{service=\"web\"}"), 0);
    EXPECT_EQ(metric("weir_socket_connect_seconds_bucket{service=\"web\",le=\"0.5\"}"), 20);
    EXPECT_GT(metric("weir_socket_rtt_seconds_sum{service=\"web\"}"), 0);
    // an opening that is lost is sent again after a second
    command({"backend", "drain", "web", world().at_two.to_string()});
    silence(true);
    const Process late({WEIR_SOCKET_CLIENT, "tcp", world().vip_tcp.to_string(), "1", "0"},
                       inside());
    ASSERT_TRUE(eventually([&] { return connections("web", world().at_one) == 1; }));
    silence(false);
    EXPECT_TRUE(eventually(
        [&] { return metric("weir_socket_connect_seconds_count{service=\"web\"}") == 21; }));
    EXPECT_EQ(metric("weir_socket_connect_seconds_bucket{service=\"web\",le=\"0.5\"}"), 20);
    EXPECT_TRUE(
        eventually([&] { return metric("weir_socket_retransmits_sum{service=\"web\"}") >= 1; }));
    end_server_one();
    EXPECT_TRUE(eventually([&] {
        ask("tcp-each", world().vip_tcp, 4);
        return metric("weir_socket_connects_failed_total{service=\"web\",backend=\"" +
                      world().at_one.to_string() + "\"}") > 0;
    }));
}

INSTANTIATE_TEST_SUITE_P(Family, SocketsOfBackends, testing::Values(Family::v4, Family::v6),
                         [](const auto &instance) { return to_string(instance.param); });

}  // namespace
}  // namespace weir::test
