// Interfaces of several kinds, starts upon what an earlier run left, and frames that are for nobody
// here: whether services are served is judged by real connections.
#include <fmt/format.h>

#include <map>

#include "lb/dataplane/objects.h"
#include "lb/dataplane/pins.h"
#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

// With both backends' web servers.
class Served : public EchoTest {
  protected:
    using EchoTest::EchoTest;
    // How many of 20 connections each backend served; those that failed are under "".
    std::map<std::string, int> ask_web() {
        std::map<std::string, int> served;
        for (int i = 0; i < 20; i++) {
            try {
                const Client client(world().client_host, Protocol::tcp, world().vip_tcp);
                const auto reply = client.ask("hello").value_or("");
                served[reply.substr(0, reply.find(' '))]++;
            } catch (const std::system_error &) {
                served[""]++;
            }
            if (served[""] > 0)
                break;  // each takes seconds
        }
        return served;
    }
    void expect_both_serve() {
        const auto served = ask_web();
        EXPECT_EQ(served.at(""), 0) << "connections failed";
        EXPECT_GT(served.count("one"), 0U);
        EXPECT_GT(served.count("two"), 0U);
    }
    // Runs with `settings`, and ends.
    void run_once(const Settings &settings) {
        const auto daemon = start(write_config(settings.text()));
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0);
    }
    // Moves the addresses of lb1, the way to backend one, to a device upon it.
    void put_upon_lb1(const std::string &device) {
        world().weir.command("ip addr flush dev lb1 scope global");
        enable_ipv6(world().weir, device);
        world().weir.command("ip link set " + device + " up");
        world().weir.command("ip addr add 192.0.2.1/25 dev " + device);
        world().weir.command("ip addr add 2001:db8:2::1/64 dev " + device + " nodad");
    }
};

class SendingFromXdp : public Served, public testing::WithParamInterface<Family> {
  protected:
    SendingFromXdp() : Served(GetParam()) {}
};

TEST_P(SendingFromXdp, AMacvlanIsReachedThroughTheStack) {
    world().weir.command("ip link add link lb1 name mv1 type macvlan mode bridge");
    put_upon_lb1("mv1");
    const auto daemon =
        start(write_config(Settings{.family = GetParam(), .interfaces = "lb0 mv1:tc lb2"}.text()));
    expect_both_serve();
}

TEST_P(SendingFromXdp, AVethAtTheTcHookWhosePeerDoesNotPollIsReachedThroughTheStack) {
    world().one.command("ethtool -K eth0 gro off");
    const auto daemon =
        start(write_config(Settings{.family = GetParam(), .interfaces = "lb0 lb1:tc lb2"}.text()));
    expect_both_serve();
}

INSTANTIATE_TEST_SUITE_P(Family, SendingFromXdp, testing::Values(Family::v4, Family::v6),
                         [](const auto &instance) { return to_string(instance.param); });

class Automatic : public Served {};

TEST_F(Automatic, FallsBackToTcWhereTheDriverHasNoXdpAndSaysWhy) {
    world().weir.command("ip link add link lb1 name mv1 type macvlan mode bridge");
    put_upon_lb1("mv1");
    const auto daemon = start(write_config(Settings{.interfaces = "lb0 mv1:auto lb2"}.text()));
    const auto interface = listing({"status"})["interfaces"][1];
    EXPECT_EQ(interface["name"], "mv1");
    EXPECT_EQ(interface["hook"], "tc");
    const auto reason =
        interface["reason"].is_string() ? interface["reason"].get<std::string>() : "";
    EXPECT_NE(reason.find("its driver has no native XDP"), std::string::npos) << reason;
    const auto text = weir({"status"}).out;
    EXPECT_NE(text.find("its driver has no native XDP"), std::string::npos) << text;
    EXPECT_EQ(lines(daemon->err()), 1) << daemon->err();
    expect_both_serve();
}

TEST_F(Automatic, ATcThatRefusesIsNotTakenForAMissingXdp) {
    world().weir.command("ip link add link lb1 name mv1 type macvlan mode bridge");
    world().weir.command("tc qdisc add dev mv1 ingress");
    const auto done =
        weir({"run", "-c", write_config(Settings{.interfaces = "lb0 mv1:auto"}.text())});
    EXPECT_EQ(done.status, 3) << done.err;
    EXPECT_NE(done.err.find("(tc qdisc del dev mv1 ingress)"), std::string::npos) << done.err;
    expect_nothing_left();
}

// What XDP leaves alone (fragments, ICMP, the way up the stack) is for TC ingress.
TEST_F(Automatic, EveryHookHasTcOnBothSides) {
    const auto daemon = start(write_config(Settings{.interfaces = "lb0 lb1:tc"}.text()));
    for (const std::string interface : {"lb0", "lb1"})
        for (const std::string side : {"ingress", "egress"}) {
            const auto filters =
                world().weir.output(fmt::format("tc filter show dev {} {}", interface, side));
            EXPECT_NE(filters.find("weir_tc_" + side), std::string::npos)
                << interface << " " << side << ": " << filters;
        }
    const auto links = world().weir.output("ip -o -d link show dev lb1");
    EXPECT_EQ(links.find("xdp"), std::string::npos) << links;
}

class Restart : public Served {};

// From one hook to the other and back, with nothing in between that does not serve.
TEST_F(Restart, WithAnotherHookServesAndLeavesNoXdpBehind) {
    const auto has_xdp = [&] { return attached().find("xdp") != std::string::npos; };
    run_once(Settings{.hook = "xdp"});
    EXPECT_TRUE(has_xdp());
    {
        const auto daemon = start(write_config(Settings{.hook = "tc"}.text()));
        EXPECT_FALSE(has_xdp()) << attached();
        expect_both_serve();
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0);
    }
    const auto daemon = start(write_config(Settings{.hook = "xdp"}.text()));
    EXPECT_TRUE(has_xdp());
    expect_both_serve();
}

TEST_F(Restart, AnInterfaceIsAddedAfterOneThatAnEarlierRunLeft) {
    run_once(Settings{.interfaces = "lb0"});
    const auto daemon = start(write_config(Settings{}.text()));
    const auto interfaces = listing({"status"})["interfaces"];
    ASSERT_EQ(interfaces.size(), 3);
    for (std::size_t i = 0; i < 3; i++) {
        EXPECT_EQ(interfaces[i]["name"], "lb" + std::to_string(i)) << "in the order of the file";
        EXPECT_EQ(interfaces[i]["hook"], "xdp");
    }
    expect_both_serve();
}

TEST_F(Restart, ThatFailsLeavesTheServicesOfTheEarlierRun) {
    run_once({});
    const auto before = attached();
    world().weir.command("ip link add link lb1 name mv1 type macvlan mode bridge");
    world().weir.command("tc qdisc add dev mv1 ingress");

    // other services, and an interface that refuses
    auto text = Settings{.interfaces = "lb0 lb1 lb2 mv1:tc"}.text();
    for (std::size_t at = 0; (at = text.find("203.0.113.10", at)) != std::string::npos;)
        text.replace(at, 12, "203.0.113.99");
    const auto done = weir({"run", "-c", write_config(text)});
    EXPECT_EQ(done.status, 3);
    EXPECT_EQ(lines(done.err), 1) << done.err;
    EXPECT_NE(done.err.find("(tc qdisc del dev mv1 ingress)"), std::string::npos) << done.err;
    EXPECT_EQ(attached(), before);
    expect_both_serve();
}

// lb1 takes XDP and gives it back when mv1 refuses; its peer takes no frames from XDP.
TEST_F(Restart, ThatFailsLeavesNothingMarkedAsAWayForXdp) {
    world().one.command("ethtool -K eth0 gro off");
    run_once(Settings{.interfaces = "lb0 lb2"});
    world().weir.command("ip link add link lb2 name mv1 type macvlan mode bridge");
    world().weir.command("tc qdisc add dev mv1 ingress");
    const auto file = write_config(Settings{.interfaces = "lb0 lb2 lb1 mv1:tc"}.text());
    EXPECT_EQ(weir({"run", "-c", file}).status, 3);
    expect_both_serve();
}

// A start that is killed leaves tables that nothing was written to.
TEST_F(Restart, TheTablesOfAStartThatWasKilledAreTaken) {
    {
        auto pins = Pins::open("default");
        ASSERT_TRUE(pins.has_value()) << pins.error().message;
        const auto folder = pins->add_generation();
        ASSERT_TRUE(folder.has_value()) << folder.error().message;
        const auto loaded =
            Objects::load({Limits{.flows = 4096, .new_flows = 1024}, *folder, std::nullopt});
        ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    }
    ASSERT_NE(pinned(), "");
    const auto daemon = start(write_config(Settings{}.text()));
    EXPECT_EQ(listing({"status"})["adopted"], true);
    expect_both_serve();
    daemon->kill(SIGTERM);
    EXPECT_EQ(daemon->wait().status, 0);
    const auto again = start(write_config(Settings{}.text()));
    expect_both_serve();
}

// Frames at TC ingress, none of which the stack would take as its own.
class Foreign : public WeirTest {
  protected:
    // The first datagram of a client, as Weir's host would get it.
    Bytes datagram(std::uint16_t port) {
        Segment segment;
        segment.source_mac = mac_of(world().client_host, "eth0");
        segment.destination_mac = mac_of(world().weir, "lb0");
        segment.source = {world().client, port};
        segment.destination = world().vip_udp;
        segment.protocol = Protocol::udp;
        segment.payload = {'x'};
        return build(segment);
    }
    double new_flows() { return metric(R"(weir_service_new_flows_total{service="dns"})"); }
    // A veth keeps the order: what was sent before this has been seen when this has been.
    void expect_flows_after(const Bytes &frame, int flows) {
        send_frame(world().client_host, "eth0", frame);
        EXPECT_TRUE(eventually([&] { return new_flows() >= flows; }, std::chrono::seconds(5)));
        EXPECT_EQ(new_flows(), flows);
    }
};

TEST_F(Foreign, AFrameForAnotherHostIsLeftAlone) {
    const auto daemon = start(write_config(Settings{.hook = "tc"}.text()));
    world().weir.command("ip link set lb0 promisc on");
    auto other = datagram(20000);
    other.at(5) ^= 1;
    send_frame(world().client_host, "eth0", other);
    expect_flows_after(datagram(20001), 1);
}

// Whether a VLAN is there is for the interfaces to say (vlan_test.cpp has some that are).
TEST_F(Foreign, ATaggedFrameIsServedLikeAnother) {
    const auto daemon = start(write_config(Settings{.hook = "tc"}.text()));
    auto tagged = datagram(20000);
    const Bytes tag{0x81, 0x00, 0x00, 0x07};
    tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
    send_frame(world().client_host, "eth0", tagged);
    expect_flows_after(datagram(20001), 2);
}

}  // namespace
}  // namespace weir::test
