// Clients on the inside: a backend that reaches the VIP, also when it is served by itself, and
// programs on Weir's own host.
#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

class Inside : public HookTest {
  protected:
    void SetUp() override {
        HookTest::SetUp();
        if (IsSkipped())
            return;
        if (hook() == "tc")
            world().offload();
        for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
            servers_.push_back(
                std::make_unique<EchoServer>(world().one, protocol, world().at_one, "one"));
            servers_.push_back(
                std::make_unique<EchoServer>(world().two, protocol, world().at_two, "two"));
        }
    }
    // Exchanges of `client` with both services; whether each backend served some.
    std::map<std::string, int> ask(const Netns &client, const std::string &seen_as) {
        std::map<std::string, int> served;
        for (std::uint16_t i = 0; i < 10; i++)
            for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
                const auto &vip = protocol == Protocol::tcp ? world().vip_tcp : world().vip_udp;
                const Client socket(client, protocol, vip, static_cast<std::uint16_t>(15000 + i));
                const auto first = parse(socket.ask("hello"));
                EXPECT_EQ(first.text, "hello");
                EXPECT_NE(first.client.find(seen_as), std::string::npos) << first.client;
                EXPECT_EQ(parse(socket.ask("again")).text, "again");
                served[first.server]++;
            }
        return served;
    }
    void expect_bulk(const Netns &client) {
        for (const auto *direction : {"", " -R"}) {
            const auto bulk =
                iperf3(client, bulk_, world().one, 5201, "-n 20M" + std::string(direction));
            EXPECT_EQ(bulk.error, "");
            EXPECT_GE(bulk.bytes, 5 << 20) << "the server stops counting with the client";
        }
    }
    void run(const std::string &backends) {
        bulk_ = {world().vip_tcp.address, 5201};
        daemon_ =
            start_with({.backends_of_web = backends,
                        .services = "  - {name: bulk, vip: \"" + bulk_.address.to_string() +
                                    "\", port: 5201, protocol: tcp, backends: [{address: \"" +
                                    world().at_one.address.to_string() + "\", port: 5201}]}\n"});
    }
    // Routes that programs on Weir's host have to a VIP, which is no address of it. What they send
    // is from an address that is no backend's.
    void give_weir_a_default_route() {
        world().weir.command("ip route add default via 198.51.100.2 src 192.0.2.1");
        world().weir.command("ip route add default via 2001:db8:1::2 src 2001:db8:2::1");
    }
    double new_flows() {
        return metric(R"(weir_service_new_flows_total{service="web"})") +
               metric(R"(weir_service_new_flows_total{service="dns"})");
    }

  private:
    Endpoint bulk_;
    std::vector<std::unique_ptr<EchoServer>> servers_;
    std::unique_ptr<Process> daemon_;
};

TEST_P(Inside, ABackendIsServedByItselfAndSeenAsTheVip) {
    run(world().at_one.address.to_string());
    const auto served = ask(world().one, world().vip_tcp.address.to_string());
    EXPECT_EQ(served, (std::map<std::string, int>{{"one", 20}}));
    expect_bulk(world().one);
    EXPECT_TRUE(drops().empty());
    EXPECT_EQ(new_flows(), 20);
}

TEST_P(Inside, ABackendIsServedByItselfAndByOthers) {
    run("");
    const auto served = ask(world().one, world().vip_tcp.address.to_string());
    EXPECT_GT(served.at("one"), 0);
    EXPECT_GT(served.at("two"), 0);
    EXPECT_TRUE(drops().empty());
    EXPECT_EQ(new_flows(), 20);
}

TEST_P(Inside, ProgramsOnWeirsHostAreServed) {
    give_weir_a_default_route();
    run("");
    const auto served = ask(world().weir, world().one_side.to_string());
    EXPECT_GT(served.at("one"), 0);
    EXPECT_GT(served.at("two"), 0);
    expect_bulk(world().weir);
    EXPECT_TRUE(drops().empty());
    EXPECT_EQ(new_flows(), 20);
}

TEST_P(Inside, WeirTellsProgramsOnItsHostThatABackendsLinkIsSmaller) {
    give_weir_a_default_route();
    world().limit("lb1", 1400);
    run("");
    expect_bulk(world().weir);
    EXPECT_EQ(learnt_mtu(world().weir, world().vip_tcp.address), 1400);
    EXPECT_EQ(drops().size(), 1U);
    EXPECT_GE(drops()["too_big"], 1);
}

INSTANTIATE_TEST_SUITE_P(Hook, Inside, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
