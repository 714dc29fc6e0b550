// VLANs: tags stay where a packet leaves by the interface it came by, and are those of the next
// interface where it does not.
#include <fmt/format.h>

#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

// One end of a link, and what its addresses are.
struct End {
    const Netns &host;
    std::string link;
    std::string v4, v6;
    std::string gateway4, gateway6;  // empty: a router itself
};

class Vlan : public HookTest {
  protected:
    void SetUp() override {
        HookTest::SetUp();
        if (IsSkipped())
            return;
        if (run({"ip", "link", "add", "link", "eth0", "name", "probe", "type", "vlan", "id", "1"},
                {.netns = &world().two})
                .status != 0)
            GTEST_SKIP() << "this kernel has no VLAN devices (8021q)";
        world().two.command("ip link del probe");
        if (hook() == "tc")
            world().offload();
        for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
            servers_.push_back(
                std::make_unique<EchoServer>(world().one, protocol, world().at_one, "one"));
            servers_.push_back(
                std::make_unique<EchoServer>(world().two, protocol, world().at_two, "two"));
        }
    }
    // Moves an end's addresses onto VLAN devices upon its link, the outermost tag first: "200", or
    // "100 200" for QinQ.
    static void tag(const End &end, const std::vector<std::string> &tags) {
        end.host.command("ip addr flush dev " + end.link + " scope global");
        auto device = end.link;
        for (const auto &id : tags) {
            const auto *protocol = tags.size() > 1 && &id == &tags.front() ? "802.1ad" : "802.1Q";
            const auto upper = fmt::format("{}.{}", device, id);
            end.host.command(fmt::format("ip link add link {} name {} type vlan protocol {} id {}",
                                         device, upper, protocol, id));
            end.host.command(fmt::format("ip link set {} up", upper));
            device = upper;
        }
        enable_ipv6(end.host, device);
        end.host.command("ip addr add " + end.v4 + " dev " + device);
        end.host.command("ip addr add " + end.v6 + "/64 dev " + device + " nodad");
        if (end.gateway4.empty())
            return;
        end.host.command("ip route replace default via " + end.gateway4);
        end.host.command("ip -6 route replace default via " + end.gateway6);
    }
    void tag_client(const std::vector<std::string> &tags) {
        tag({world().weir, "lb0", "198.51.100.1/24", "2001:db8:1::1", "", ""}, tags);
        tag({world().client_host, "eth0", "198.51.100.2/24", "2001:db8:1::2", "198.51.100.1",
             "2001:db8:1::1"},
            tags);
    }
    void tag_backend_two(const std::vector<std::string> &tags) {
        tag({world().weir, "lb2", "192.0.2.129/25", "2001:db8:3::1", "", ""}, tags);
        tag({world().two, "eth0", "192.0.2.141/25", "2001:db8:3::141", "192.0.2.129",
             "2001:db8:3::1"},
            tags);
    }
    // Every kind of traffic, by both backends.
    void expect_served(const std::string &interfaces) {
        const Endpoint bulk_vip{world().vip_tcp.address, 5201};
        const auto daemon =
            start_with({.interfaces = interfaces,
                        .services = "  - {name: bulk, vip: \"" + bulk_vip.address.to_string() +
                                    "\", port: 5201, protocol: tcp, backends: [{address: \"" +
                                    world().at_two.address.to_string() + "\", port: 5201}]}\n"});
        std::map<std::string, int> served;
        for (std::uint16_t i = 0; i < 10; i++)
            for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
                const auto &vip = protocol == Protocol::tcp ? world().vip_tcp : world().vip_udp;
                const Client client(world().client_host, protocol, vip,
                                    static_cast<std::uint16_t>(20000 + i));
                const auto answer = parse(client.ask("hello"));
                ASSERT_EQ(answer.text, "hello");
                EXPECT_EQ(answer.client, client.local().to_string());
                served[answer.server]++;
            }
        EXPECT_GT(served["one"], 0);
        EXPECT_GT(served["two"], 0);
        for (const auto *direction : {"", " -R"}) {
            const auto bulk = iperf3(world().client_host, bulk_vip, world().two, 5201,
                                     "-n 10M" + std::string(direction));
            EXPECT_EQ(bulk.error, "");
            EXPECT_LT(bulk.seconds, 3);
        }
        const auto ping = world().client_host.output("ping -n -c 2 -i 0.1 -W 1 " +
                                                     world().vip_tcp.address.to_string());
        EXPECT_NE(ping.find(" 0% packet loss"), std::string::npos) << ping;
        EXPECT_TRUE(drops().empty());
        EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="dns"})"), 10);
        EXPECT_EQ(metric(R"(weir_service_packets_total{service="dns",direction="reply"})"), 10);
    }

  private:
    std::vector<std::unique_ptr<EchoServer>> servers_;
};

TEST_P(Vlan, ClientsOnATaggedLinkAreServedByTheLink) {
    tag_client({"100"});
    expect_served("lb0 lb1 lb2");
}

TEST_P(Vlan, ClientsOnATaggedLinkAreServedByTheVlanDevice) {
    tag_client({"100"});
    expect_served("lb0.100:tc lb1 lb2");
}

TEST_P(Vlan, ABackendOnATaggedLinkIsReached) {
    tag_backend_two({"200"});
    expect_served("lb0 lb1 lb2");
}

TEST_P(Vlan, BothSidesMayBeTagged) {
    tag_client({"100"});
    tag_backend_two({"200"});
    expect_served("lb0 lb1 lb2");
}

TEST_P(Vlan, ClientsBehindTwoTagsAreServed) {
    tag_client({"100", "200"});
    expect_served("lb0 lb1 lb2");
}

// One arm: a backend beside the client, on the same tagged link. Frames are made and looked at by
// hand, so that no host needs a VLAN device.
class OneArm : public HookTest {
  protected:
    // A datagram of the client behind `tags`, outermost first; what reached the backend, as tcpdump
    // shows it.
    std::string forwarded(const std::vector<std::uint16_t> &tags) {
        const auto backend = world().stranger.to_string();
        const auto mac = mac_of(world().client_host, "eth0");
        world().weir.command("ip neigh replace " + backend + " lladdr " + mac.to_string() +
                             " dev lb0 nud permanent");
        const auto daemon = start_with({.backends_of_web = backend});
        Segment segment;
        segment.source_mac = mac;
        segment.destination_mac = mac_of(world().weir, "lb0");
        segment.source = {world().client, 20000};
        segment.destination = world().vip_udp;
        segment.protocol = Protocol::udp;
        segment.payload = {'x'};
        auto frame = build(segment);
        for (auto tag = tags.rbegin(); tag != tags.rend(); ++tag) {
            const bool service = tags.size() > 1 && tag + 1 == tags.rend();
            const Bytes bytes{static_cast<std::uint8_t>(service ? 0x88 : 0x81),
                              static_cast<std::uint8_t>(service ? 0xa8 : 0x00),
                              static_cast<std::uint8_t>(*tag >> 8),
                              static_cast<std::uint8_t>(*tag & 0xff)};
            frame.insert(frame.begin() + 12, bytes.begin(), bytes.end());
        }
        Process seen({"tcpdump", "-i", "eth0", "-Q", "in", "-nevvc", "1", "vlan"},
                     {.netns = &world().client_host});
        EXPECT_TRUE(seen.wait_for_err("listening on"));
        send_frame(world().client_host, "eth0", frame);
        auto text = seen.wait(std::chrono::seconds(4)).out;
        EXPECT_TRUE(drops().empty());
        return text;
    }
    std::string to_backend() {
        const auto dot = [](const Endpoint &at) {
            return at.address.to_string() + "." + std::to_string(at.port);
        };
        return dot({world().client, 20000}) + " > " + dot({world().stranger, 8080}) +
               ": [udp sum ok]";
    }
};

TEST_P(OneArm, ATagStays) {
    const auto text = forwarded({100});
    EXPECT_NE(text.find("vlan 100, p 0"), std::string::npos) << text;
    EXPECT_NE(text.find(to_backend()), std::string::npos) << text;
}

TEST_P(OneArm, TwoTagsStay) {
    const auto text = forwarded({100, 200});
    EXPECT_NE(text.find("802.1Q-QinQ (0x88a8)"), std::string::npos) << text;
    EXPECT_NE(text.find("vlan 100, p 0"), std::string::npos) << text;
    EXPECT_NE(text.find("vlan 200, p 0"), std::string::npos) << text;
    EXPECT_NE(text.find(to_backend()), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(Hook, OneArm, every_hook_and_family(), name_of);
INSTANTIATE_TEST_SUITE_P(Hook, Vlan, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
