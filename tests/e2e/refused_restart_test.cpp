// `weir run` that is refused where an earlier run left its programs: they are as they were.
#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

class RefusedRestart : public EchoTest {
  protected:
    RefusedRestart() : EchoTest(Family::v6) {}

    static Settings with(const std::string &interfaces) {
        return {.family = Family::v6, .interfaces = interfaces};
    }
    // With `web` announced.
    static std::string announced(const Settings &settings) {
        const std::string name = "  - name: web\n";
        auto text = settings.text();
        return text.replace(text.find(name), name.size(), name + "    announce: address\n");
    }
    // Found out when the programs are on the interfaces.
    static Settings spoiled(Settings settings) {
        settings.more = "sockets: {cgroup: /proc}\n";
        return settings;
    }
    // Runs, and ends.
    void run_once(const std::string &text) {
        const auto daemon = start(write_config(text));
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0);
    }
    void expect_refused(const std::string &text, const std::string &why,
                        const std::string &binary = WEIR_BINARY) {
        const auto done = run({binary, "run", "-c", write_config(text)}, {.netns = &world().weir});
        EXPECT_EQ(done.status, 3);
        EXPECT_NE(done.err.find(why), std::string::npos) << done.err;
    }
    void expect_service_goes_on() {
        const Client fresh(world().client_host, Protocol::tcp, world().vip_tcp);
        EXPECT_EQ(parse(fresh.ask("fresh")).text, "fresh");
    }
    bool has_vip() {
        return world().weir.output("ip -o addr show dev lb0").find("2001:db8:10::10/128") !=
               std::string::npos;
    }
};

TEST_F(RefusedRestart, AVipThatTheHostRefusesLeavesInterfacesAndHooksAsTheyWere) {
    run_once(with("lb0 lb1:tc").text());
    const auto before = attached();
    world().weir.sysctl("net/ipv6/conf/lb0/disable_ipv6", "1");
    expect_refused(announced(with("lb0:tc lb1 lb2")), "cannot put 2001:db8:10::10 on lb0");
    EXPECT_EQ(attached(), before);
}

TEST_F(RefusedRestart, ACgroupThatIsNoneLeavesInterfacesHooksAndVipsAsTheyWere) {
    run_once(announced(with("lb0 lb1:tc lb2:tc")));
    const auto before = attached();
    expect_refused(spoiled(with("lb0:tc lb1")).text(), "/proc is no folder of cgroup v2");
    EXPECT_EQ(attached(), before);
    EXPECT_TRUE(has_vip());
    expect_service_goes_on();
}

// What was there has been taken over by then, and stays so.
TEST_F(RefusedRestart, OfAnotherVersionLeavesNothingOnFurtherInterfaces) {
    run_once(with("lb0 lb1").text());
    expect_refused(spoiled(with("lb0 lb1 lb2")).text(), "/proc is no folder of cgroup v2",
                   WEIR_NEXT_BINARY);
    EXPECT_EQ(attached().find("lb2"), std::string::npos) << attached();
    const auto daemon = start(write_config(with("lb0 lb1 lb2").text()));
    expect_service_goes_on();
}

}  // namespace
}  // namespace weir::test
