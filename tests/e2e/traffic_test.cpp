// Real connections from the client through Weir to the backends.
#include <map>

#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

class Traffic : public HookTest {
  protected:
    std::unique_ptr<Process> start_with_hook() { return start_with({}); }
    // Exchanges over connections of their own; how many each backend served.
    std::map<std::string, int> ask(Protocol protocol, const Endpoint &vip, int times) {
        std::map<std::string, int> served;
        for (int i = 0; i < times; i++) {
            // a port for each: the kernel may give one twice, and that is one flow for UDP
            const auto port = static_cast<std::uint16_t>(20000 + i);
            const Client client(world().client_host, protocol, vip, port);
            const auto answer = parse(client.ask("hello"));
            EXPECT_EQ(answer.text, "hello");
            EXPECT_EQ(answer.client, (Endpoint{world().client, port}).to_string())
                << "the backend sees the client itself";
            served[answer.server]++;
        }
        return served;
    }
};

TEST_P(Traffic, TcpReachesBothBackendsAndIsCounted) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const EchoServer two(world().two, Protocol::tcp, world().at_two, "two");
    const auto daemon = start_with_hook();
    const auto served = ask(Protocol::tcp, world().vip_tcp, 40);
    EXPECT_GT(served.at("one"), 5);
    EXPECT_GT(served.at("two"), 5);

    const auto backends = listing({"backends"})["backends"];
    EXPECT_EQ(backends[0]["backend"], world().at_one.to_string());
    EXPECT_EQ(backends[0]["new_flows"], served.at("one"));
    EXPECT_EQ(backends[1]["backend"], world().at_two.to_string());
    EXPECT_EQ(backends[1]["new_flows"], served.at("two"));
    EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="web"})"), 40);
    EXPECT_EQ(metric(R"(weir_backend_new_flows_total{service="web",backend=")" +
                     world().at_one.to_string() + "\"}"),
              served.at("one"));
    // SYN, ACK, data, FIN at least, and their answers
    EXPECT_GE(metric(R"(weir_service_packets_total{service="web",direction="forward"})"), 160);
    EXPECT_GE(metric(R"(weir_service_packets_total{service="web",direction="reply"})"), 120);
}

TEST_P(Traffic, UdpReachesBothBackendsAndIsCounted) {
    const EchoServer one(world().one, Protocol::udp, world().at_one, "one");
    const EchoServer two(world().two, Protocol::udp, world().at_two, "two");
    const auto daemon = start_with_hook();
    const auto served = ask(Protocol::udp, world().vip_udp, 40);
    EXPECT_GT(served.at("one"), 5);
    EXPECT_GT(served.at("two"), 5);
    EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="dns"})"), 40);
    EXPECT_EQ(metric(R"(weir_service_packets_total{service="dns",direction="forward"})"), 40);
    EXPECT_EQ(metric(R"(weir_service_packets_total{service="dns",direction="reply"})"), 40);
}

TEST_P(Traffic, AFlowStaysWithItsBackendAndIsListed) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const EchoServer two(world().two, Protocol::tcp, world().at_two, "two");
    const auto daemon = start_with_hook();
    const Client client(world().client_host, Protocol::tcp, world().vip_tcp);
    const auto first = parse(client.ask("1")).server;
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(parse(client.ask("again")).server, first);

    const auto flows = listing({"flows", "--service", "web"})["flows"];
    ASSERT_EQ(flows.size(), 1);
    EXPECT_EQ(flows[0]["client"], client.local().to_string());
    EXPECT_EQ(flows[0]["vip"], world().vip_tcp.to_string());
    EXPECT_EQ(flows[0]["backend"], (first == "one" ? world().at_one : world().at_two).to_string());
    EXPECT_EQ(flows[0]["state"], "established");
    EXPECT_EQ(listing({"flows", "--client", world().client.to_string()})["flows"].size(), 1);
    EXPECT_EQ(listing({"flows", "--client", world().stranger.to_string()})["flows"].size(), 0);
    EXPECT_EQ(listing({"flows", "--service", "dns"})["flows"].size(), 0);
    const auto text = weir({"flows"});
    EXPECT_EQ(lines(text.out), 2) << text.out;
}

TEST_P(Traffic, ABackendOnWeirsOwnHostIsAnsweredThroughTcEgress) {
    const EchoServer local(world().weir, Protocol::tcp, world().at_weir, "local");
    const auto daemon = start_with_hook();
    EXPECT_EQ(ask(Protocol::tcp, world().vip_local, 10).at("local"), 10);
    EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="local"})"), 10);
    EXPECT_GE(metric(R"(weir_service_packets_total{service="local",direction="reply"})"), 30);
}

TEST_P(Traffic, WhatIsNoServiceGoesItsWay) {
    const EchoServer direct(world().one, Protocol::tcp, {world().at_one.address, 9999}, "direct");
    const auto daemon = start_with_hook();
    const Client client(world().client_host, Protocol::tcp, {world().at_one.address, 9999});
    EXPECT_EQ(parse(client.ask("hello")).server, "direct");
    EXPECT_EQ(metric(R"(weir_service_packets_total{service="web",direction="forward"})"), 0);
}

TEST_P(Traffic, I7GoesOnWhenTheDaemonIsKilled) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const EchoServer two(world().two, Protocol::tcp, world().at_two, "two");
    const auto daemon = start_with_hook();
    const Client open(world().client_host, Protocol::tcp, world().vip_tcp);
    const auto server = parse(open.ask("before")).server;
    daemon->kill(SIGKILL);
    EXPECT_EQ(daemon->wait().signal, SIGKILL);

    EXPECT_EQ(parse(open.ask("after")).server, server);
    const auto served = ask(Protocol::tcp, world().vip_tcp, 20);
    EXPECT_GT(served.at("one"), 0);
    EXPECT_GT(served.at("two"), 0);
    const auto done = weir({"status"});
    EXPECT_EQ(done.status, 3);
    EXPECT_EQ(lines(done.err), 1) << done.err;

    // the next one takes over what it finds: tables, flows, counters, and the socket left behind
    const auto next = start_with_hook();
    EXPECT_EQ(listing({"status"})["adopted"], true);
    EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="web"})"), 21);
    EXPECT_EQ(parse(open.ask("later")).server, server);
}

INSTANTIATE_TEST_SUITE_P(Hook, Traffic, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
