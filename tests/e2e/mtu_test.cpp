// Path MTU discovery through a VIP (RFC 1191, RFC 8201): TCP sends with DF, so a bulk transfer over
// a path with a smaller MTU somewhere stalls unless its sender is told. Far ends still offer
// segments of 1,460 bytes: the small MTU is only that of the sending side of a link.
#include "tests/e2e/tools.h"

namespace weir::test {
namespace {

constexpr int kSmall = 1400;

class Mtu : public HookTest {
  protected:
    void SetUp() override {
        HookTest::SetUp();
        if (IsSkipped())
            return;
        if (hook() == "tc")
            world().offload();
        backend_ = world().at_one;
    }
    // The only backend is behind `one`, which routes for it.
    void put_backend_behind_a_router() {
        world().add_server();
        backend_ = world().at_server;
        host_ = &*world().server;
    }
    void run(const std::string &mode) {
        daemon_ = start_with({.backends_of_web = backend_.address.to_string(),
                              .of_web = "mode: " + mode,
                              .more = kSnat});
    }
    void expect_transfer(const Netns &client, const std::string &direction) {
        const auto bulk =
            iperf3(client, world().vip_tcp, host(), backend_.port, "-n 3M " + direction);
        EXPECT_EQ(bulk.error, "");
        EXPECT_GE(bulk.bytes, 1 << 18) << "the server stops counting when the client is done";
        EXPECT_LT(bulk.seconds, 3);
    }
    void expect_upload(const Netns &client) { expect_transfer(client, ""); }
    void expect_download(const Netns &client) { expect_transfer(client, "-R"); }
    const Netns &host() { return host_ == nullptr ? world().one : *host_; }
    double translated() { return metric(R"(weir_icmp_total{event="translated"})"); }
    // Some packets in flight were too big, and nothing else was wrong.
    void expect_only_too_big() {
        const auto counted = drops();
        ASSERT_EQ(counted.count("too_big"), 1U);
        EXPECT_LT(counted.at("too_big"), 50);
        EXPECT_EQ(counted.size(), 1U);
        EXPECT_EQ(metric(R"(weir_icmp_total{event="sent"})"), counted.at("too_big"));
    }

  private:
    Endpoint backend_;
    const Netns *host_ = nullptr;
    std::unique_ptr<Process> daemon_;
};

TEST_P(Mtu, WeirTellsAClientThatTheBackendsLinkIsSmaller) {
    world().limit("lb1", kSmall);
    run("dnat");
    expect_upload(world().client_host);
    EXPECT_EQ(learnt_mtu(world().client_host, world().vip_tcp.address), kSmall);
    expect_only_too_big();
}

TEST_P(Mtu, WeirTellsABackendThatTheClientsLinkIsSmaller) {
    world().limit("lb0", kSmall);
    run("dnat");
    expect_download(world().client_host);
    EXPECT_EQ(learnt_mtu(world().one, world().client), kSmall);
    expect_only_too_big();
}

TEST_P(Mtu, WeirTellsABackendTheSameWithFullnat) {
    world().limit("lb0", kSmall);
    run("fullnat");
    expect_download(world().client_host);
    EXPECT_EQ(learnt_mtu(world().one, world().one_side), kSmall);
    expect_only_too_big();
}

TEST_P(Mtu, ARouterBehindWeirTellsTheClient) {
    put_backend_behind_a_router();
    world().one.command("ip link set eth1 mtu " + std::to_string(kSmall));
    run("dnat");
    expect_upload(world().client_host);
    EXPECT_EQ(learnt_mtu(world().client_host, world().vip_tcp.address), kSmall);
    EXPECT_GE(translated(), 1);
    EXPECT_TRUE(drops().empty());
}

TEST_P(Mtu, ARouterBehindWeirTellsTheClientWithFullnat) {
    put_backend_behind_a_router();
    world().one.command("ip link set eth1 mtu " + std::to_string(kSmall));
    run("fullnat");
    expect_upload(world().client_host);
    EXPECT_EQ(learnt_mtu(world().client_host, world().vip_tcp.address), kSmall);
    EXPECT_GE(translated(), 1);
    EXPECT_TRUE(drops().empty());
}

TEST_P(Mtu, ARouterBeforeWeirTellsTheBackend) {
    world().add_far();
    world().client_host.command("ip link set eth1 mtu " + std::to_string(kSmall));
    run("dnat");
    expect_download(*world().far_host);
    EXPECT_EQ(learnt_mtu(world().one, world().far), kSmall);
    EXPECT_GE(translated(), 1);
    EXPECT_TRUE(drops().empty());
}

TEST_P(Mtu, ARouterBeforeWeirTellsTheBackendWithFullnat) {
    world().add_far();
    world().client_host.command("ip link set eth1 mtu " + std::to_string(kSmall));
    run("fullnat");
    expect_download(*world().far_host);
    EXPECT_EQ(learnt_mtu(world().one, world().one_side), kSmall);
    EXPECT_GE(translated(), 1);
    EXPECT_TRUE(drops().empty());
}

INSTANTIATE_TEST_SUITE_P(Hook, Mtu, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
