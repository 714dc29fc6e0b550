// Interfaces that come, go and lose what was put on them, while the daemon runs and when it is
// told of others. Whether services are served is judged by real connections.
#include <fmt/format.h>

#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

class Coming : public EchoTest, public testing::WithParamInterface<const char *> {
  protected:
    Settings settings(const std::string &interfaces = "lb0 lb1 lb2") {
        return {.hook = GetParam(), .interfaces = interfaces};
    }
    static std::size_t said_since_ready(const Process &daemon) {
        const auto said = daemon.err();
        return lines(said.substr(said.find('\n', said.find(" ready: ")) + 1));
    }
    // "attached", "absent", ...
    std::string state_of(const std::string &name) {
        const auto status = listing({"status"});
        for (const auto &interface : status["interfaces"])
            if (interface["name"] == name)
                return interface["state"];
        return "not listed";
    }
    bool becomes(const std::string &name, const std::string &state) {
        return eventually([&] { return state_of(name) == state; }, std::chrono::seconds(5));
    }
    bool has_tc(const std::string &name) {
        try {
            return world().weir.output("tc filter show dev " + name + " ingress").find("weir_tc") !=
                       std::string::npos &&
                   world().weir.output("tc filter show dev " + name + " egress").find("weir_tc") !=
                       std::string::npos;
        } catch (const std::runtime_error &) {
            return false;
        }
    }
    bool has_xdp(const std::string &name) {
        return world().weir.output("ip -d link show dev " + name).find("weir_xdp") !=
               std::string::npos;
    }
    bool has_all(const std::string &name) {
        return has_tc(name) && has_xdp(name) == (GetParam() == std::string("xdp"));
    }
    // Of 20 connections; those that fail take seconds, so the first is the last.
    void expect_served() {
        std::map<std::string, int> served;
        for (int i = 0; i < 20; i++) {
            const Client client(world().client_host, Protocol::tcp, world().vip_tcp);
            served[client.ask("hello").value_or("").substr(0, 3)]++;
        }
        EXPECT_EQ(served.count(""), 0U);
        EXPECT_GT(served["one"], 0);
        EXPECT_GT(served["two"], 0);
    }
    void make_lb2() {
        connect(world().two, "eth0", world().weir, "lb2");
        enable_ipv6(world().weir, "lb2");
        world().weir.command("ip addr add 192.0.2.129/25 dev lb2");
        world().two.command("ip addr add 192.0.2.141/25 dev eth0");
        world().two.command("ip route add default via 192.0.2.129");
    }
    void reload(Process &daemon, const Settings &settings, const std::string &said) {
        write_config(settings.text());
        daemon.kill(SIGHUP);
        ASSERT_TRUE(daemon.wait_for_err(said)) << daemon.err();
    }
};

TEST_P(Coming, OneThatIsMissingAtTheStartIsWaitedForAndSeen) {
    world().weir.command("ip link del lb2");
    const auto daemon = start(write_config(settings().text()));
    EXPECT_NE(daemon->err().find("interface lb2 does not exist: waiting for it"), std::string::npos)
        << daemon->err();
    EXPECT_EQ(state_of("lb2"), "absent");
    EXPECT_EQ(state_of("lb1"), "attached");
    EXPECT_NE(weir({"status"}).out.find("absent"), std::string::npos);
    make_lb2();
    EXPECT_TRUE(becomes("lb2", "attached")) << daemon->err();
    EXPECT_TRUE(has_all("lb2"));
    expect_served();
    EXPECT_EQ(said_since_ready(*daemon), 1U) << daemon->err();
}

TEST_P(Coming, OneThatIsDeletedAndMadeAnewIsTakenAgain) {
    const auto daemon = start(write_config(settings().text()));
    const auto number = listing({"status"})["interfaces"][2]["ifindex"];
    expect_served();
    for (unsigned round = 1; round <= 2; round++) {
        world().weir.command("ip link del lb2");
        EXPECT_TRUE(becomes("lb2", "absent")) << daemon->err();
        make_lb2();
        EXPECT_TRUE(becomes("lb2", "attached")) << daemon->err();
        EXPECT_TRUE(has_all("lb2"));
        expect_served();
        EXPECT_EQ(said_since_ready(*daemon), 2U * round) << daemon->err();
    }
    EXPECT_NE(listing({"status"})["interfaces"][2]["ifindex"], number);
    EXPECT_NE(daemon->err().find("interface lb2 has gone: waiting for it"), std::string::npos);
}

TEST_P(Coming, OneThatIsReplacedAtOnceIsTakenAgain) {
    const auto daemon = start(write_config(settings().text()));
    world().weir.command("ip link del lb2");
    make_lb2();
    EXPECT_TRUE(eventually([&] { return has_all("lb2"); }, std::chrono::seconds(5)));
    EXPECT_TRUE(becomes("lb2", "attached"));
    expect_served();
}

TEST_P(Coming, ProgramsThatSomebodyTookOffArePutBack) {
    const auto daemon = start(write_config(settings().text()));
    world().weir.command("tc qdisc del dev lb1 clsact");
    EXPECT_TRUE(eventually([&] { return has_all("lb1"); }, std::chrono::seconds(5)));
    ASSERT_TRUE(daemon->wait_for_err("interface lb1: attached")) << daemon->err();
    EXPECT_NE(daemon->err().find("interface lb1: somebody took the programs off"),
              std::string::npos)
        << daemon->err();
    world().weir.command("tc filter del dev lb0 egress");
    EXPECT_TRUE(eventually([&] { return has_all("lb0"); }, std::chrono::seconds(5)));
    if (has_xdp("lb0")) {
        world().weir.command("ip link set dev lb0 xdp off");
        EXPECT_TRUE(eventually([&] { return has_all("lb0"); }, std::chrono::seconds(5)));
    }
    expect_served();
}

TEST_P(Coming, OneThatRefusesIsSaidOnceAndTakenWhenItDoes) {
    const auto daemon = start(write_config(settings().text()));
    world().weir.command("tc qdisc del dev lb1 clsact");
    world().weir.command("tc qdisc add dev lb1 ingress");
    EXPECT_TRUE(becomes("lb1", "refused")) << daemon->err();
    EXPECT_NE(daemon->err().find("(tc qdisc del dev lb1 ingress)"), std::string::npos)
        << daemon->err();
    const auto said = lines(daemon->err());
    world().weir.command("ip link set lb1 alias looked-at-again");
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(lines(daemon->err()), said) << daemon->err();
    world().weir.command("tc qdisc del dev lb1 ingress");
    EXPECT_TRUE(becomes("lb1", "attached")) << daemon->err();
    expect_served();
}

TEST_P(Coming, ARenamedOneIsLetGo) {
    const auto daemon = start(write_config(settings().text()));
    world().weir.command("ip link set lb2 down");
    world().weir.command("ip link set lb2 name other");
    EXPECT_TRUE(becomes("lb2", "absent")) << daemon->err();
    EXPECT_TRUE(eventually([&] { return !has_tc("other") && !has_xdp("other"); }));
    world().weir.command("ip link set other name lb2");
    world().weir.command("ip link set lb2 up");
    EXPECT_TRUE(becomes("lb2", "attached")) << daemon->err();
}

TEST_P(Coming, AnMtuThatChangesIsNoted) {
    const auto daemon = start(write_config(settings().text()));
    world().weir.command("ip link set lb1 mtu 1400");
    EXPECT_TRUE(daemon->wait_for_err("interface lb1: its MTU was 1500 and is 1400"))
        << daemon->err();
    EXPECT_EQ(said_since_ready(*daemon), 1U) << daemon->err();
    EXPECT_TRUE(has_all("lb1"));
    expect_served();
}

TEST_P(Coming, AnnouncedAddressesFollowTheirInterface) {
    auto text = settings("lb2 lb0 lb1").text();
    text.replace(text.find("  - name: web\n"), 14, "  - name: web\n    announce: address\n");
    const auto daemon = start(write_config(text));
    const auto has_vip = [&] {
        try {
            return world().weir.output("ip -o addr show dev lb2").find("203.0.113.10/32") !=
                   std::string::npos;
        } catch (const std::runtime_error &) {
            return false;
        }
    };
    EXPECT_TRUE(has_vip());
    world().weir.command("ip link del lb2");
    EXPECT_TRUE(becomes("lb2", "absent"));
    make_lb2();
    EXPECT_TRUE(eventually(has_vip, std::chrono::seconds(5))) << daemon->err();
    world().weir.command("ip addr del 203.0.113.10/32 dev lb2");
    EXPECT_TRUE(eventually(has_vip, std::chrono::seconds(5))) << daemon->err();
    daemon->kill(SIGTERM);
    EXPECT_EQ(daemon->wait().status, 0);
    EXPECT_EQ(weir({"detach"}).status, 0);
    EXPECT_FALSE(has_vip()) << "it is known for this instance's own under the new number";
    expect_nothing_left();
}

TEST_P(Coming, AReloadAttachesToNewOnesAndLeavesThoseThatAreNoLongerNamed) {
    const auto daemon = start(write_config(settings("lb0 lb1").text()));
    EXPECT_FALSE(has_tc("lb2"));
    reload(*daemon, settings("lb0 lb1 lb2"), "reloaded ");
    EXPECT_TRUE(has_all("lb2"));
    EXPECT_EQ(state_of("lb2"), "attached");
    expect_served();
    reload(*daemon, settings("lb0 lb2 eth9"), "interface eth9 does not exist: waiting for it");
    EXPECT_TRUE(becomes("lb1", "not listed"));
    EXPECT_FALSE(has_tc("lb1"));
    EXPECT_FALSE(has_xdp("lb1"));
    EXPECT_EQ(state_of("eth9"), "absent");
    expect_served();  // through lb1's stack, and translated at lb0
}

TEST_P(Coming, AReloadCanChangeTheHook) {
    const auto daemon = start(write_config(settings().text()));
    for (const auto *hook : {"tc", "xdp", "tc"}) {
        auto other = settings();
        other.hook = hook;
        reload(*daemon, other, "reloaded ");
        EXPECT_TRUE(eventually([&] { return has_xdp("lb1") == (hook == std::string("xdp")); }));
        expect_served();
    }
}

TEST_P(Coming, I8AReloadThatAnInterfaceRefusesChangesNothing) {
    world().weir.command("ip link add link lb1 name mv1 type macvlan mode bridge");
    world().weir.command("tc qdisc add dev mv1 ingress");
    const auto daemon = start(write_config(settings("lb0 lb1").text()));
    const auto before = attached();
    const auto status = listing({"status"})["interfaces"];
    auto other = settings("lb1:tc lb2 mv1:tc");
    other.backends_of_web = "192.0.2.11";
    reload(*daemon, other, "reload refused: ");
    EXPECT_NE(daemon->err().find("(tc qdisc del dev mv1 ingress)"), std::string::npos)
        << daemon->err();
    EXPECT_EQ(attached(), before);
    EXPECT_EQ(listing({"status"})["interfaces"], status);
    EXPECT_EQ(listing({"backends"})["backends"].size(), 5);
    EXPECT_FALSE(has_tc("lb2"));
    expect_served();
}

TEST_P(Coming, I8AReloadThatNamesNoInterfaceThatExistsChangesNothing) {
    const auto daemon = start(write_config(settings().text()));
    const auto before = attached();
    reload(*daemon, settings("eth8 eth9"), "reload refused: ");
    EXPECT_EQ(attached(), before);
    expect_served();
}

INSTANTIATE_TEST_SUITE_P(Hook, Coming, testing::Values("xdp", "tc"),
                         [](const auto &instance) { return std::string(instance.param); });

}  // namespace
}  // namespace weir::test
