// What a daemon changes on its host beside its interfaces, and takes back: VIPs that it announces,
// SNAT ports that it keeps from other programs.
#include <algorithm>

#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

std::string replaced(std::string text, const std::string &from, const std::string &to) {
    text.replace(text.find(from), from.size(), to);
    return text;
}

class Host : public WeirTest {
  protected:
    using WeirTest::WeirTest;

    static std::string with_announce(const Settings &settings) {
        return replaced(settings.text(), "  - name: web\n",
                        "  - name: web\n    announce: address\n");
    }
    std::string addresses_of(const std::string &interface) {
        return world().weir.output("ip -o addr show dev " + interface);
    }
    bool has_vip(const std::string &interface) {
        const auto prefix = world().vip_tcp.address.is_v4() ? "/32 " : "/128 ";
        return addresses_of(interface).find(world().vip_tcp.address.to_string() + prefix) !=
               std::string::npos;
    }
    static void end(Process &daemon) {
        daemon.kill(SIGTERM);
        EXPECT_EQ(daemon.wait().status, 0);
    }
    void detach() {
        const auto off = weir({"detach"});
        EXPECT_EQ(off.status, 0) << off.err;
    }
    void reload(Process &daemon, const std::string &text, const std::string &said) {
        write_config(text);
        daemon.kill(SIGHUP);
        EXPECT_TRUE(daemon.wait_for_err(said)) << daemon.err();
    }
};

class Announce : public Host, public testing::WithParamInterface<Family> {
  protected:
    Announce() : Host(GetParam()) {}

    // A neighbour that thinks the VIP elsewhere, on its own link.
    void mislead_client() {
        const auto vip = world().vip_tcp.address.to_string();
        world().client_host.sysctl("net/ipv4/neigh/eth0/locktime", "0");
        world().client_host.command("ip route add " + vip + " dev eth0");
        world().client_host.command("ip neigh replace " + vip +
                                    " lladdr 02:00:00:00:00:99 dev eth0 nud stale");
    }
    std::string believed() {
        return world().client_host.output("ip neigh show " + world().vip_tcp.address.to_string());
    }
};

TEST_P(Announce, PutsTheVipOnTheFirstInterfaceUntilItIsDetached) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    mislead_client();
    const auto daemon = start(write_config(with_announce(
        {.family = GetParam(), .backends_of_web = world().at_one.address.to_string()})));
    EXPECT_TRUE(has_vip("lb0")) << addresses_of("lb0");
    EXPECT_FALSE(has_vip("lb1"));
    EXPECT_TRUE(eventually([&] { return believed().find("00:99") == std::string::npos; }))
        << "the neighbours are told: " << believed();
    EXPECT_EQ(Client(world().client_host, Protocol::tcp, world().vip_tcp).ask("x")->substr(0, 3),
              "one");
    end(*daemon);
    EXPECT_TRUE(has_vip("lb0")) << "I7";
    detach();
    EXPECT_FALSE(has_vip("lb0"));
    expect_nothing_left();
}

TEST_P(Announce, AReloadThatDropsItTakesItOffAndARestartKnowsItForItsOwn) {
    const Settings settings{.family = GetParam()};
    const auto file = write_config(with_announce(settings));
    end(*start(file));
    const auto daemon = start(file);
    EXPECT_TRUE(has_vip("lb0"));
    reload(*daemon, settings.text(), "reloaded ");
    EXPECT_FALSE(has_vip("lb0"));
    reload(*daemon, with_announce(settings), "services: 3");
    EXPECT_TRUE(eventually([&] { return has_vip("lb0"); }));
}

TEST_P(Announce, AnAddressThatWasThereBeforeIsLeftAlone) {
    const auto prefix = GetParam() == Family::v4 ? "/32" : "/128";
    world().weir.command("ip addr add " + world().vip_tcp.address.to_string() + prefix +
                         " dev lb2");
    const auto daemon = start(write_config(with_announce({.family = GetParam()})));
    EXPECT_FALSE(has_vip("lb0"));
    end(*daemon);
    detach();
    EXPECT_TRUE(has_vip("lb2"));
}

INSTANTIATE_TEST_SUITE_P(Family, Announce, testing::Values(Family::v4, Family::v6),
                         [](const auto &instance) { return to_string(instance.param); });

class AnnounceRefused : public Host {
  protected:
    AnnounceRefused() : Host(Family::v6) {}
};

TEST_F(AnnounceRefused, WhereTheHostHasNoIPv6AndNothingIsLeft) {
    world().weir.sysctl("net/ipv6/conf/lb0/disable_ipv6", "1");
    const auto file = write_config(with_announce({.family = Family::v6}));
    const auto done = weir({"run", "-c", file});
    EXPECT_EQ(done.status, 3);
    EXPECT_EQ(lines(done.err), 1) << done.err;
    EXPECT_NE(done.err.find(file + ":6:5: service 'web', announce: cannot put 2001:db8:10::10 on "
                                   "lb0"),
              std::string::npos)
        << done.err;
    EXPECT_NE(done.err.find("sysctl -w net.ipv6.conf.lb0.disable_ipv6=0"), std::string::npos)
        << done.err;
    expect_nothing_left();
}

TEST_F(AnnounceRefused, InAReloadWhichThenChangesNothing) {
    const auto daemon = start(write_config(Settings{.family = Family::v6}.text()));
    const auto before = listing({"services"});
    world().weir.sysctl("net/ipv6/conf/lb0/disable_ipv6", "1");
    reload(*daemon,
           with_announce({.family = Family::v6, .backends_of_web = "2001:db8:2::11"}) +
               "snat: {addresses: [192.0.2.1], ports: 30000-30099}\n",
           "reload refused: ");
    EXPECT_NE(daemon->err().find("cannot put 2001:db8:10::10 on lb0"), std::string::npos);
    EXPECT_EQ(listing({"services"}), before);
    EXPECT_EQ(world().weir.output("cat /proc/sys/net/ipv4/ip_local_reserved_ports"), "\n")
        << "what was reserved is free again";
}

class SnatPorts : public Host {
  protected:
    static std::string with_ports(const std::string &ports) {
        return Settings{.more = "snat: {addresses: [192.0.2.1], ports: " + ports + "}\n"}.text();
    }
    std::string reserved() {
        auto text = world().weir.output("cat /proc/sys/net/ipv4/ip_local_reserved_ports");
        text.pop_back();
        return text;
    }
    void reserve(const std::string &ports) {
        world().weir.sysctl("net/ipv4/ip_local_reserved_ports", ports);
    }
    void expect_refused(const std::string &socket) {
        const auto file = write_config(with_ports("30000-30099"));
        const auto done = weir({"run", "-c", file});
        EXPECT_EQ(done.status, 3);
        EXPECT_EQ(lines(done.err), 1) << done.err;
        EXPECT_NE(done.err.find(": snat.ports 30000-30099 holds " + socket), std::string::npos)
            << done.err;
        EXPECT_EQ(reserved(), "");
        expect_nothing_left();
    }
};

TEST_F(SnatPorts, AreReservedUntilDetachAndThoseOfOthersStay) {
    reserve("8080,30050-30199");
    const auto daemon = start(write_config(with_ports("30000-30099")));
    EXPECT_EQ(reserved(), "8080,30000-30199");
    reload(*daemon, with_ports("30090-30299"), "reloaded ");
    EXPECT_EQ(reserved(), "8080,30050-30299");
    end(*daemon);
    EXPECT_EQ(reserved(), "8080,30050-30299") << "I7: flows go on with them";
    detach();
    EXPECT_EQ(reserved(), "8080,30050-30199");
    expect_nothing_left();
}

TEST_F(SnatPorts, ARestartWithoutThePoolGivesThemBack) {
    end(*start(write_config(with_ports("30000-30099"))));
    EXPECT_EQ(reserved(), "30000-30099");
    const auto daemon = start(write_config(Settings{}.text()));
    EXPECT_EQ(reserved(), "");
}

// As containers have /proc/sys.
TEST_F(SnatPorts, ThatCannotBeReservedAreRefusedWithTheReason) {
    const auto file = write_config(with_ports("30000-30099"));
    const auto done = run({"unshare", "--mount", "sh", "-c",
                           "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys "
                           "&& exec " WEIR_BINARY " run -c " +
                               file},
                          {.netns = &world().weir});
    EXPECT_EQ(done.status, 3);
    EXPECT_EQ(lines(done.err), 1) << done.err;
    EXPECT_NE(done.err.find("cannot write /proc/sys/net/ipv4/ip_local_reserved_ports (Read-only "
                            "file system): "),
              std::string::npos)
        << done.err;
    expect_nothing_left();
}

TEST_F(SnatPorts, I4RefusedWhereAProgramListensOnAnyAddress) {
    const EchoServer other(world().weir, Protocol::tcp, *Endpoint::parse("0.0.0.0:30010"), "x");
    expect_refused("tcp port 30010, where a program of this host listens (0.0.0.0:30010)");
}

TEST_F(SnatPorts, I4RefusedWhereAProgramListensOnTheSnatAddress) {
    const EchoServer other(world().weir, Protocol::udp, *Endpoint::parse("192.0.2.1:30099"), "x");
    expect_refused("udp port 30099, where a program of this host listens (192.0.2.1:30099)");
}

TEST_F(SnatPorts, I4RefusedWhereAProgramListensOnAnyAddressOfEitherFamily) {
    const EchoServer other(world().weir, Protocol::tcp, *Endpoint::parse("[::]:30000"), "x");
    expect_refused("tcp port 30000, where a program of this host listens ([::]:30000)");
}

TEST_F(SnatPorts, ProgramsElsewhereAreNoHindranceToAStartButToAReload) {
    const EchoServer near(world().weir, Protocol::tcp, *Endpoint::parse("127.0.0.1:30010"), "x");
    const EchoServer next(world().weir, Protocol::tcp, *Endpoint::parse("0.0.0.0:30100"), "x");
    const auto daemon = start(write_config(with_ports("30000-30099")));
    reload(*daemon, with_ports("30000-30100"), "reload refused: ");
    EXPECT_NE(daemon->err().find("tcp port 30100"), std::string::npos) << daemon->err();
    EXPECT_EQ(reserved(), "30000-30099") << "I8";
}

class Collector : public Host {};

TEST_F(Collector, CountsLiveFlowsAndRemovesThoseThatAreOver) {
    const EchoServer one(world().one, Protocol::udp, world().at_one, "one");
    const auto daemon = start(write_config(
        Settings{.backends_of_web = "192.0.2.11", .more = "timeouts: {udp: 4s}\n"}.text()));
    const auto flows = [&] {
        return metric(R"(weir_flows{service="dns",backend="192.0.2.11:8080"})");
    };
    const auto entries = [&] {
        return metric(R"(weir_flow_table_entries{table="flows_v4"})") +
               metric(R"(weir_flow_table_entries{table="flows_new_v4"})");
    };
    ASSERT_TRUE(eventually([&] { return entries() == 0; })) << "counted for the first time";
    EXPECT_EQ(metric(R"(weir_flow_table_capacity{table="flows_v4"})"), 2 * 4096);
    EXPECT_EQ(flows(), 0);

    std::vector<std::unique_ptr<Client>> clients;
    clients.reserve(5);
    const auto ask = [&](const Client &client) { return client.ask("x").has_value(); };
    for (int i = 0; i < 5; i++)
        clients.push_back(
            std::make_unique<Client>(world().client_host, Protocol::udp, world().vip_udp));
    EXPECT_TRUE(eventually([&] {
        return std::all_of(clients.begin(), clients.end(),
                           [&](auto &client) { return ask(*client); }) &&
               flows() == 5;
    }));
    EXPECT_EQ(entries(), 10);
    EXPECT_EQ(metric(R"(weir_map_pressure{map="services"})"), 3.0 / 4096);
    EXPECT_TRUE(eventually([&] { return flows() == 0 && entries() == 0; }));
    EXPECT_EQ(lines(daemon->err()), 1) << daemon->err();
}

}  // namespace
}  // namespace weir::test
