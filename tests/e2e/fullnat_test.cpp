// fullnat: backends see an address of the pool, and need no route back to the clients; ports of the
// pool are finite. And a service of one IP version with backends of the other.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <set>

#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

class Fullnat : public HookTest {
  protected:
    void SetUp() override {
        HookTest::SetUp();
        if (IsSkipped())
            return;
        if (hook() == "tc")
            world().offload();
        // who has Weir's own subnet only
        world().one.command("ip route del default");
        world().one.command("ip -6 route del default");
        for (const auto protocol : {Protocol::tcp, Protocol::udp})
            servers_.push_back(
                std::make_unique<EchoServer>(world().one, protocol, world().at_one, "one"));
    }
    std::unique_ptr<Process> run(const std::string &pool) {
        return start_with({.backends_of_web = world().at_one.address.to_string(),
                           .of_web = "mode: fullnat",
                           .more = pool});
    }
    static bool is_of_pool(const std::string &seen, const Address &address, int first, int last) {
        const auto endpoint = Endpoint::parse(seen);
        return endpoint.has_value() && endpoint->address == address && endpoint->port >= first &&
               endpoint->port <= last;
    }
    // The error number of one connection attempt; 0: none.
    int refused() {
        try {
            const Client client(world().client_host, Protocol::tcp, world().vip_tcp);
            return 0;
        } catch (const std::system_error &error) {
            return error.code().value();
        }
    }

  private:
    std::vector<std::unique_ptr<EchoServer>> servers_;
};

TEST_P(Fullnat, ABackendSeesThePoolAndNeedsNoRouteToTheClient) {
    const auto daemon = run(kSnat);
    for (const auto protocol : {Protocol::tcp, Protocol::udp})
        for (int i = 0; i < 10; i++) {
            const auto &vip = protocol == Protocol::tcp ? world().vip_tcp : world().vip_udp;
            const Client client(world().client_host, protocol, vip);
            const auto answer = parse(client.ask("hello"));
            EXPECT_EQ(answer.text, "hello");
            EXPECT_TRUE(is_of_pool(answer.client, world().one_side, 20000, 29999)) << answer.client;
            EXPECT_EQ(parse(client.ask("again")).client, answer.client);
        }
    EXPECT_TRUE(drops().empty());
}

TEST_P(Fullnat, I4TheHundredAndFirstFlowIsRefusedAndTheHundredLiveOn) {
    const auto daemon =
        run("snat: {addresses: [192.0.2.1, \"2001:db8:2::1\"], ports: 30000-30099}\n");
    std::vector<std::unique_ptr<Client>> clients;
    std::map<std::string, int> seen;
    for (int i = 0; i < 100; i++) {
        clients.push_back(
            std::make_unique<Client>(world().client_host, Protocol::tcp, world().vip_tcp));
        const auto answer = parse(clients.back()->ask("first"));
        ASSERT_TRUE(is_of_pool(answer.client, world().one_side, 30000, 30099)) << answer.client;
        seen[answer.client]++;
    }
    EXPECT_EQ(seen.size(), 100U);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(refused(), ECONNREFUSED);
    // At once; but on one machine the refusal comes while connect() still holds the socket, when
    // Linux only notes it, and again a second later, when it counts.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(1500));
    EXPECT_EQ(drops().count("snat_exhausted"), 1U);
    EXPECT_EQ(drops().size(), 1U);
    for (const auto &client : clients)
        ASSERT_EQ(parse(client->ask("again")).text, "again");

    // UDP has ports of its own, and so has every backend
    const Client other(world().client_host, Protocol::udp, world().vip_udp);
    EXPECT_EQ(parse(other.ask("hello")).text, "hello");
    EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="web"})"), 100);
}

TEST_P(Fullnat, APoolThatIsUsedUpTowardsOneBackendServesAnother) {
    const EchoServer two(world().two, Protocol::tcp, world().at_two, "two");
    const Endpoint other{world().vip_tcp.address, 81};
    const auto daemon = start_with(
        {.backends_of_web = world().at_one.address.to_string(),
         .of_web = "mode: fullnat",
         .services = "  - {name: other, vip: \"" + other.address.to_string() +
                     "\", port: 81, protocol: tcp, mode: fullnat, backends: [{address: \"" +
                     world().at_two.address.to_string() + "\", port: 8080}]}\n",
         .more = "snat: {addresses: [192.0.2.1, \"2001:db8:2::1\"], ports: 30000-30009}\n"});
    std::vector<std::unique_ptr<Client>> clients;
    for (const auto &vip : {world().vip_tcp, other}) {
        for (int i = 0; i < 10; i++) {
            clients.push_back(std::make_unique<Client>(world().client_host, Protocol::tcp, vip));
            EXPECT_EQ(parse(clients.back()->ask("hello")).server, vip == other ? "two" : "one");
        }
        if (vip != other) {
            EXPECT_TRUE(drops().empty());
            EXPECT_EQ(refused(), ECONNREFUSED);
        }
    }
    EXPECT_EQ(drops().size(), 1U);
    EXPECT_EQ(drops().count("snat_exhausted"), 1U);
}

// RFC 6056: who sees some of the ports must not know the next one. The same 20 clients, in two
// runs, and 10,000 ports: the odds of a false alarm are one in 10^12.
TEST_P(Fullnat, PortsCannotBeGuessed) {
    constexpr std::size_t kClients = 20;
    const auto ports_of_a_run = [&] {
        std::vector<int> ports;
        const auto daemon = run(kSnat);
        for (std::uint16_t i = 0; i < kClients; i++) {
            const Client client(world().client_host, Protocol::udp, world().vip_udp,
                                static_cast<std::uint16_t>(40000 + i));
            ports.push_back(
                Endpoint::parse(parse(client.ask("hello")).client).value_or(Endpoint{}).port);
        }
        daemon->kill(SIGTERM);
        daemon->wait();
        EXPECT_EQ(weir({"detach"}).status, 0);  // and with it the flows
        return ports;
    };
    const auto first = ports_of_a_run();
    const auto second = ports_of_a_run();
    int same = 0;
    int close = 0;
    for (std::size_t i = 0; i < kClients; i++) {
        EXPECT_GE(first[i], 20000);
        EXPECT_GE(second[i], 20000);
        same += first[i] == second[i] ? 1 : 0;
        close += i > 0 && std::abs(first[i] - first[i - 1]) <= 100 ? 1 : 0;
    }
    EXPECT_LT(same, 4) << "each with odds of 1 in 10,000";
    EXPECT_LT(close, 11) << "each with odds of 2 in 100";
}

// The backends are of the other IP version.
class Translated : public HookTest {
  protected:
    void SetUp() override {
        HookTest::SetUp();
        if (IsSkipped())
            return;
        if (hook() == "tc")
            world().offload();
        daemon_ = start(config_file());
    }
    const Places &other() const { return other_; }
    // The one daemon ends by a signal that leaves it no last word, and another begins.
    void replace(const char *binary) {
        daemon_->kill(SIGKILL);
        daemon_->wait();
        daemon_ = start(config_file(), binary);
    }

  private:
    std::string config_file() {
        return write_config(Settings{.family = family(),
                                     .hook = hook(),
                                     .backends_of_web = other_.at_one.address.to_string(),
                                     .of_web = "mode: fullnat",
                                     .more = kSnat}
                                .text());
    }

    Places other_{v4() ? Family::v6 : Family::v4};
    std::unique_ptr<Process> daemon_;
};

TEST_P(Translated, TcpAndUdpAreServed) {
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        const EchoServer one(world().one, protocol, other().at_one, "one");
        const auto &vip = protocol == Protocol::tcp ? world().vip_tcp : world().vip_udp;
        for (int i = 0; i < 10; i++) {
            const Client client(world().client_host, protocol, vip);
            const auto answer = parse(client.ask("hello"));
            EXPECT_EQ(answer.text, "hello");
            EXPECT_NE(answer.client.find(other().one_side.to_string()), std::string::npos);
            EXPECT_EQ(parse(client.ask("again")).text, "again");
        }
    }
    EXPECT_TRUE(drops().empty());
}

TEST_P(Translated, BulkDataPassesBothWays) {
    for (const auto *direction : {"", " -R"}) {
        const auto bulk = iperf3(world().client_host, world().vip_tcp, world().one,
                                 other().at_one.port, "-n 20M" + std::string(direction));
        EXPECT_EQ(bulk.error, "");
        EXPECT_GE(bulk.bytes, 5 << 20);
        EXPECT_LT(bulk.seconds, 3);
    }
    EXPECT_TRUE(drops().empty());
}

TEST_P(Translated, FlowsOutliveAnUpgradeAndTheWayBack) {
    const EchoServer one(world().one, Protocol::tcp, other().at_one, "one");
    const EchoServer datagrams(world().one, Protocol::udp, other().at_one, "one");
    const Client session(world().client_host, Protocol::tcp, world().vip_tcp);
    const Client exchange(world().client_host, Protocol::udp, world().vip_udp);
    const auto before = parse(session.ask("hello"));
    const auto at_first = parse(exchange.ask("hello"));
    for (const auto *binary : {WEIR_NEXT_BINARY, WEIR_BINARY}) {
        replace(binary);
        EXPECT_EQ(parse(session.ask("again")).client, before.client);
        EXPECT_EQ(parse(exchange.ask("again")).client, at_first.client);
        const auto flows = listing({"flows"})["flows"];
        ASSERT_EQ(flows.size(), 2U) << flows.dump();
        for (const auto &flow : flows)
            EXPECT_NE(flow.dump().find(other().at_one.to_string()), std::string::npos);
    }
    EXPECT_TRUE(drops().empty());
}

// A packet is 20 bytes longer as IPv6 than as IPv4, and its sender counts its own.
TEST_P(Translated, ASmallerLinkIsToldInTheSendersTerms) {
    world().limit("lb1", 1400);
    const auto bulk =
        iperf3(world().client_host, world().vip_tcp, world().one, other().at_one.port, "-n 5M");
    EXPECT_EQ(bulk.error, "");
    EXPECT_LT(bulk.seconds, 3);
    EXPECT_EQ(learnt_mtu(world().client_host, world().vip_tcp.address), v4() ? 1380 : 1420);
    EXPECT_EQ(drops().size(), 1U);
    EXPECT_GT(drops()["too_big"], 0);
}

// RFC 7915, 5.1: small packets may be cut up later on, and have an identification for that.
TEST_P(Translated, SmallPacketsHaveAnIdentificationEach) {
    if (v4())
        GTEST_SKIP() << "IPv6 has none";
    const EchoServer one(world().one, Protocol::udp, other().at_one, "one");
    Process seen({"tcpdump", "-i", "eth0", "-Q", "in", "-nvc", "20", "udp"},
                 {.netns = &world().one});
    ASSERT_TRUE(seen.wait_for_err("listening on"));
    const Client client(world().client_host, Protocol::udp, world().vip_udp);
    for (int i = 0; i < 20; i++)
        EXPECT_EQ(parse(client.ask("hello")).text, "hello");
    const auto text = seen.wait(std::chrono::seconds(4)).out;
    std::set<std::string> ids;
    for (auto at = text.find(", id "); at != std::string::npos; at = text.find(", id ", at + 1))
        ids.insert(text.substr(at + 5, text.find(',', at + 5) - at - 5));
    EXPECT_GE(ids.size(), 15U) << "of 20 by chance: " << text;
}

TEST_P(Translated, ADatagramInFragmentsIsCountedAsNotTranslatable) {
    const EchoServer one(world().one, Protocol::udp, other().at_one, "one");
    const Client client(world().client_host, Protocol::udp, world().vip_udp);
    ASSERT_TRUE(client.send(std::string(2000, 'x')));
    EXPECT_TRUE(
        eventually([&] { return drops()["not_translatable"] == 2; }, std::chrono::seconds(3)));
    EXPECT_EQ(drops().size(), 1U);
    EXPECT_EQ(parse(client.ask("hello")).text, "hello");
}

INSTANTIATE_TEST_SUITE_P(Hook, Fullnat, every_hook_and_family(), name_of);
INSTANTIATE_TEST_SUITE_P(Hook, Translated, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
