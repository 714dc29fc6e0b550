// The way through a VIP, as ping, traceroute and tracepath of a client see it: Weir is the VIP, and
// a router on the way to it.
#include <fmt/format.h>

#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

// The only backend is behind `one`, a router. So the hops are Weir, `one`, and the backend, which
// is seen as the VIP.
class Path : public HookTest {
  protected:
    void SetUp() override {
        HookTest::SetUp();
        if (IsSkipped())
            return;
        world().add_server();
        daemon_ = start_with({.backends_of_web = world().at_server.address.to_string(),
                              .services = services_of_tracepath()});
    }
    // A command of the client, to its end.
    std::string on_client(const std::string &line) { return world().client_host.output(line); }
    std::string vip() { return world().vip_tcp.address.to_string(); }
    // What stands second in the line that begins with the number of a hop.
    static std::string hop(const std::string &output, const std::string &number) {
        std::istringstream stream(output);
        for (std::string line, first, second; std::getline(stream, line);) {
            std::istringstream(line) >> first >> second;
            if (first == number)
                return second;
        }
        return "";
    }
    void expect_three_hops(const std::string &output) {
        EXPECT_EQ(hop(output, "1"), vip()) << output;
        EXPECT_EQ(hop(output, "2"), world().at_one.address.to_string()) << output;
        EXPECT_EQ(hop(output, "3"), vip()) << output;
        EXPECT_EQ(hop(output, "4"), "") << output;
    }

    // tracepath asks some hops twice.
    double times_seen_first(const std::string &output) {
        const auto line = "\n 1:  " + vip() + " ";
        double times = 0;
        for (auto at = output.find(line); at != std::string::npos; at = output.find(line, at + 1))
            times++;
        return times;
    }

  private:
    // tracepath sends to one port after the other.
    static std::string services_of_tracepath() {
        const Places places(family());
        std::string all;
        for (int port = 44444; port < 44508; port++)
            all += fmt::format(
                "  - {{name: t{0}, vip: \"{1}\", port: {0}, protocol: udp, "
                "backends: [{{address: \"{2}\", port: {0}}}]}}\n",
                port, places.vip_tcp.address.to_string(), places.at_server.address.to_string());
        return all;
    }

    std::unique_ptr<Process> daemon_;
};

TEST_P(Path, PingIsAnsweredByTheVipItself) {
    const auto output = on_client("ping -n -c 5 -i 0.1 -W 1 " + vip());
    EXPECT_NE(output.find("5 received, 0% packet loss"), std::string::npos) << output;
    EXPECT_NE(output.find("ttl=64"), std::string::npos) << output;
    EXPECT_EQ(metric(R"(weir_icmp_total{event="answered"})"), 5);
    EXPECT_TRUE(drops().empty());
}

TEST_P(Path, TracerouteWithUdpSeesTheVipTheRouterAndTheVipAgain) {
    const EchoServer server(*world().server, Protocol::udp, world().at_server, "server");
    expect_three_hops(on_client("traceroute " + flag() + " -n -q 1 -N 1 -w 2 -m 6 -U " + vip()));
    EXPECT_EQ(drops(), (std::map<std::string, double>{{"ttl_expired", 1}}));
}

TEST_P(Path, TracerouteWithTcpSeesTheSame) {
    const EchoServer server(*world().server, Protocol::tcp, world().at_server, "server");
    expect_three_hops(on_client("traceroute " + flag() + " -n -q 1 -N 1 -w 2 -m 6 -T " + vip()));
    EXPECT_EQ(drops(), (std::map<std::string, double>{{"ttl_expired", 1}}));
}

TEST_P(Path, TracepathFindsTheSmallestMtuBehindTheVip) {
    world().one.command("ip link set eth1 mtu 1380");
    const auto output = on_client("tracepath " + flag() + " -n -m 6 " + vip());
    EXPECT_NE(output.find("Resume: pmtu 1380 hops 3"), std::string::npos) << output;
    EXPECT_EQ(drops(), (std::map<std::string, double>{{"ttl_expired", times_seen_first(output)}}));
}

TEST_P(Path, TracepathFindsTheMtuOfWeirsOwnLink) {
    world().limit("lb1", 1400);
    const auto output = on_client("tracepath " + flag() + " -n -m 6 " + vip());
    EXPECT_NE(output.find("Resume: pmtu 1400 hops 3"), std::string::npos) << output;
    EXPECT_EQ(drops(), (std::map<std::string, double>{{"ttl_expired", times_seen_first(output)},
                                                      {"too_big", 1}}));
}

INSTANTIATE_TEST_SUITE_P(Hook, Path, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
