// Datagrams larger than the path takes: fragments in order, the wrong way round, and alone.
#include <algorithm>
#include <sstream>

#include "tests/e2e/tools.h"
#include "tests/support/fragments.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

constexpr std::uint16_t kPort = 20000;

std::string long_text(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; i++)
        text[i] = static_cast<char>('a' + (i * 31 + i / 1000) % 26);
    return text;
}

// What makes a packet of 1,450 bytes over IPv4.
std::string cuttable() {
    return long_text(1450 - 28);
}

class Fragments : public HookTest {
  protected:
    void SetUp() override {
        HookTest::SetUp();
        if (IsSkipped())
            return;
        if (hook() == "tc")
            world().offload();
        serve();
    }
    void serve() {
        backend_.reset();
        backend_ = std::make_unique<EchoServer>(world().one, Protocol::udp, world().at_one, "one");
    }
    void run(const std::string &mode) {
        daemon_ = start_with({.backends_of_web = world().at_one.address.to_string(),
                              .of_web = "mode: " + mode,
                              .more = kSnat});
    }
    void stop() {
        daemon_.reset();
        EXPECT_EQ(weir({"detach"}).status, 0);
    }
    Client client() { return {world().client_host, Protocol::udp, world().vip_udp, kPort}; }
    // The fragments of one datagram from the client's port, as its host would send them.
    std::vector<Bytes> fragments_of(const std::string &text, std::uint32_t id) {
        const std::size_t most = v4() ? 1480 : 1448;
        Segment segment;
        segment.source_mac = mac_of(world().client_host, "eth0");
        segment.destination_mac = mac_of(world().weir, "lb0");
        segment.source = {world().client, kPort};
        segment.destination = world().vip_udp;
        segment.protocol = Protocol::udp;
        segment.payload.assign(text.begin(), text.end());
        std::vector<std::size_t> cuts;
        for (std::size_t at = most; at < text.size() + 8; at += most)
            cuts.push_back(at);
        return fragment(build(segment), cuts, id);
    }
    // Packets that a host has put together from fragments.
    static int put_together(const Netns &host) {
        std::istringstream words(host.output("nstat -asz IpReasmOKs"));
        for (std::string word; words >> word;)
            if (word == "IpReasmOKs" && words >> word)
                return std::stoi(word);
        return -1;
    }
    // Three datagrams, there and back, that reach the host in fragments; nothing else is dropped.
    void expect_cut_up_for(const Netns &host) {
        const auto dropped = drops();
        const int before = put_together(host);
        const auto socket = client();
        for (int i = 0; i < 3; i++)
            EXPECT_EQ(parse(socket.ask(cuttable())).text, cuttable()) << i;
        EXPECT_EQ(drops(), dropped);
        EXPECT_EQ(put_together(host) - before, 3);
    }
    void send(const Bytes &frame) { send_frame(world().client_host, "eth0", frame); }

  private:
    std::unique_ptr<EchoServer> backend_;
    std::unique_ptr<Process> daemon_;
};

TEST_P(Fragments, NineThousandBytesArriveWholeAndComeBackWhole) {
    run("dnat");
    const auto text = long_text(9000);
    const auto socket = client();
    for (int i = 0; i < 5; i++)
        EXPECT_EQ(parse(socket.ask(text)).text, text);
    EXPECT_TRUE(drops().empty());
    EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="dns"})"), 1);
    EXPECT_EQ(metric(R"(weir_service_packets_total{service="dns",direction="forward"})"), 35);
    EXPECT_EQ(metric(R"(weir_service_packets_total{service="dns",direction="reply"})"), 35);
}

TEST_P(Fragments, TheyDoWithFullnat) {
    run("fullnat");
    const auto text = long_text(9000);
    const auto answer = parse(client().ask(text));
    EXPECT_EQ(answer.text, text);
    EXPECT_EQ(answer.client.find(world().one_side.to_string() + (v4() ? ":" : "]")), v4() ? 0U : 1U)
        << answer.client;
    EXPECT_TRUE(drops().empty());
}

// Of hosts that leave it to routers to cut their packets up (IP_PMTUDISC_DONT).
TEST_P(Fragments, WhatMayBeCutUpForASmallerLinkArrivesWhole) {
    if (!v4())
        GTEST_SKIP() << "routers do not fragment IPv6";
    for (const auto *host : {&world().client_host, &world().one})
        host->sysctl("net/ipv4/ip_no_pmtu_disc", "1");
    serve();
    for (const auto *link : {"lb1", "lb0"}) {
        SCOPED_TRACE(link);
        const auto &host = link == std::string("lb1") ? world().one : world().client_host;
        host.command("ip link set eth0 mtu 1400");
        world().limit(link, 1400);
        run("dnat");
        expect_cut_up_for(host);
        stop();
        host.command("ip link set eth0 mtu 1500");
        world().limit(link, 1500);
    }
}

// With an address of this host as its source the stack does not cut a packet up. Its sender is
// told, though it did not ask to be, and Linux does the cutting.
TEST_P(Fragments, WithFullnatAClientIsToldOfASmallerLink) {
    if (!v4())
        GTEST_SKIP() << "routers do not fragment IPv6";
    world().client_host.sysctl("net/ipv4/ip_no_pmtu_disc", "1");
    world().one.command("ip link set eth0 mtu 1400");
    world().limit("lb1", 1400);
    run("fullnat");
    const auto socket = client();
    ASSERT_TRUE(socket.send(cuttable()));
    EXPECT_TRUE(eventually([&] { return drops()["too_big"] == 1; }, std::chrono::seconds(3)));
    expect_cut_up_for(world().one);
}

TEST_P(Fragments, WithFullnatWhatMayBeCutUpForAClientArrivesWhole) {
    if (!v4())
        GTEST_SKIP() << "routers do not fragment IPv6";
    world().one.sysctl("net/ipv4/ip_no_pmtu_disc", "1");
    serve();
    world().client_host.command("ip link set eth0 mtu 1400");
    world().limit("lb0", 1400);
    run("fullnat");
    expect_cut_up_for(world().client_host);
}

TEST_P(Fragments, TheLastFirstArrivesWhole) {
    run("dnat");
    const auto socket = client();
    for (std::uint32_t id = 1; id <= 20; id++) {
        const auto text = std::to_string(id) + long_text(8990);
        auto frames = fragments_of(text, id);
        ASSERT_EQ(frames.size(), 7U);
        std::reverse(frames.begin(), frames.end());
        for (const auto &frame : frames)
            send(frame);
        ASSERT_EQ(parse(socket.receive()).text, text);
    }
    EXPECT_TRUE(drops().empty());
    EXPECT_EQ(metric(R"(weir_service_packets_total{service="dns",direction="forward"})"), 140);
}

TEST_P(Fragments, AloneTheyWaitUntilTheirPlaceIsNeeded) {
    run("dnat");
    const auto frames = fragments_of(long_text(9 * std::size_t{1480}), 7);
    ASSERT_EQ(frames.size(), 10U);
    for (std::size_t i = 1; i <= 8; i++)
        send(frames[i]);
    const auto socket = client();
    EXPECT_EQ(parse(socket.ask("others go on")).text, "others");
    EXPECT_TRUE(drops().empty());
    send(frames[9]);
    EXPECT_TRUE(eventually(
        [&] {
            return drops() == std::map<std::string, double>{{"fragment_orphan", 1}};
        },
        std::chrono::seconds(3)));
    EXPECT_EQ(metric(R"(weir_service_packets_total{service="dns",direction="forward"})"), 1);
}

INSTANTIATE_TEST_SUITE_P(Hook, Fragments, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
