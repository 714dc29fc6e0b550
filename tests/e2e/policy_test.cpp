// Who is let in, and to whom: source ranges, limits and session affinity, as sockets meet them.
#include <thread>

#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

class Policy : public HookTest {
  protected:
    void SetUp() override {
        HookTest::SetUp();
        if (IsSkipped())
            return;
        for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
            servers_.push_back(
                std::make_unique<EchoServer>(world().one, protocol, world().at_one, "one"));
            servers_.push_back(
                std::make_unique<EchoServer>(world().two, protocol, world().at_two, "two"));
        }
    }
    void run(const std::string &of_web) { daemon_ = start_with({.of_web = of_web}); }
    // A datagram from each of `count` ports; what comes of them is for the counters to say.
    void open_flows(int count) {
        for (int i = 0; i < count; i++) {
            clients_.push_back(std::make_unique<Client>(world().client_host, Protocol::udp,
                                                        world().vip_udp,
                                                        static_cast<std::uint16_t>(20000 + i)));
            ASSERT_TRUE(clients_.back()->send("hello"));
        }
    }
    double opened() { return metric(R"(weir_service_new_flows_total{service="dns"})"); }
    // Of all that open_flows() sent, some opened flows and the others were dropped for `reason`.
    void expect_dropped(const std::string &reason, double most_opened) {
        const auto sent = static_cast<double>(clients_.size());
        EXPECT_TRUE(eventually([&] { return opened() + drops()[reason] == sent; },
                               std::chrono::seconds(3)));
        EXPECT_GT(opened(), 0);
        EXPECT_LE(opened(), most_opened);
        EXPECT_EQ(drops(), (std::map<std::string, double>{{reason, sent - opened()}}));
        EXPECT_EQ(parse(clients_.front()->receive()).text, "hello");
        EXPECT_EQ(parse(clients_.front()->ask("again")).text, "again") << "flows that are open";
    }
    // From now on, what the client sends is from the address beside its own.
    void become_the_stranger() {
        const auto address = world().stranger.to_string();
        const auto gateway = world().at_weir.address.to_string();
        world().client_host.command("ip addr add " + address + (v4() ? "/24" : "/64") +
                                    " dev eth0" + (v4() ? "" : " nodad"));
        world().client_host.command("ip " + flag() + " route replace default via " + gateway +
                                    " src " + address);
    }

  private:
    std::vector<std::unique_ptr<EchoServer>> servers_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::unique_ptr<Process> daemon_;
};

TEST_P(Policy, ADeniedSourceIsDroppedAndItsNeighbourIsServed) {
    const auto host = world().client.to_string() + (v4() ? "/32" : "/128");
    run("source_ranges: [\"" + std::string(v4() ? "0.0.0.0/0" : "::/0") + "\", \"!" + host + "\"]");
    const Client denied(world().client_host, Protocol::udp, world().vip_udp);
    ASSERT_TRUE(denied.send("hello"));
    EXPECT_TRUE(eventually([&] { return drops()["source_denied"] == 1; }, std::chrono::seconds(3)));
    EXPECT_EQ(opened(), 0);

    become_the_stranger();
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        const auto &vip = protocol == Protocol::tcp ? world().vip_tcp : world().vip_udp;
        const Client client(world().client_host, protocol, vip);
        const auto answer = parse(client.ask("hello"));
        EXPECT_EQ(answer.text, "hello");
        EXPECT_EQ(answer.client, (Endpoint{world().stranger, client.local().port}).to_string());
    }
    EXPECT_EQ(drops(), (std::map<std::string, double>{{"source_denied", 1}}));
}

TEST_P(Policy, SessionAffinityKeepsAClientWithItsBackend) {
    run("session_affinity: {timeout: 1m}");
    std::map<std::string, int> served;
    for (int i = 0; i < 20; i++)
        served[parse(Client(world().client_host, Protocol::tcp, world().vip_tcp).ask("x"))
                   .server]++;
    ASSERT_EQ(served.size(), 1U) << "one backend for all connections of a client";
    EXPECT_EQ(served.begin()->second, 20);
    EXPECT_TRUE(drops().empty());
}

TEST_P(Policy, SessionAffinityEndsWithItsTimeout) {
    run("session_affinity: {timeout: 1s}");
    std::map<std::string, int> served;
    const auto done = [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(1050));
        served[parse(Client(world().client_host, Protocol::tcp, world().vip_tcp).ask("x"))
                   .server]++;
        return served.size() == 2;
    };
    // by chance alone, one in 2^14 runs sees only one of two backends
    EXPECT_TRUE(eventually(done, std::chrono::seconds(15)));
}

TEST_P(Policy, NewFlowsOfAServiceAreLimited) {
    run("limits: {new_flows_per_second: 5}");
    open_flows(40);
    expect_dropped("service_rate", 10);
}

TEST_P(Policy, NewFlowsOfAClientAreLimited) {
    run("limits: {new_flows_per_second_per_source: 5}");
    open_flows(40);
    expect_dropped("source_rate", 10);
}

TEST_P(Policy, FlowsOfABackendAreLimited) {
    run("limits: {flows_per_backend: 3}");
    const auto counted = [&] {
        return metric(R"(weir_flow_table_entries{table="flows_v6"})") == 0;
    };
    ASSERT_TRUE(eventually(counted)) << "the limit holds once the daemon has counted";
    open_flows(40);
    expect_dropped("backend_full", 6);
    EXPECT_EQ(opened(), 6) << "three for each backend";
}

INSTANTIATE_TEST_SUITE_P(Hook, Policy, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
