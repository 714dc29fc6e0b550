// `weir detach` where it cannot, or need not, do what it is for.
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>

#include "tests/e2e/world.h"

namespace weir::test {
namespace {

class Detach : public WeirTest {
  protected:
    // Runs, and ends.
    void leave_a_data_path() {
        const auto daemon = start(write_config(Settings{}.text()));
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0);
    }
    void leave(const std::string &instance, const std::string &interfaces) {
        const auto daemon =
            start(write_config(Settings{.interfaces = interfaces, .instance = instance}.text()));
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0);
    }
    // Programs are on these interfaces, and no others, without the pins of `instance`.
    void expect_lost(const std::string &instance, const std::vector<std::string> &interfaces) {
        const auto before = attached();
        const auto done = weir({"detach", "--instance", instance});
        EXPECT_EQ(done.status, 3);
        EXPECT_EQ(done.out, "");
        EXPECT_EQ(lines(done.err), 1) << done.err;
        for (const std::string name : {"lb0", "lb1", "lb2"}) {
            const bool named =
                std::find(interfaces.begin(), interfaces.end(), name) != interfaces.end();
            EXPECT_EQ(done.err.find("tc qdisc del dev " + name + " clsact") != std::string::npos,
                      named)
                << done.err;
            EXPECT_EQ(done.err.find("ip link set " + name + " xdp off") != std::string::npos,
                      named && is_alone(name))
                << done.err;
        }
        EXPECT_EQ(attached(), before);
    }
    // Without libxdp's dispatcher.
    bool is_alone(const std::string &interface) {
        return world().weir.output("ip -d link show " + interface).find("weir_xdp") !=
               std::string::npos;
    }
    void expect_nothing_attached(const std::string &instance) {
        const auto done = weir({"detach", "--instance", instance});
        EXPECT_EQ(done.status, 0) << done.err;
        EXPECT_EQ(done.out, "instance " + instance + ": nothing is attached\n");
    }
};

TEST_F(Detach, InAnotherNetworkNamespaceRefusesAndTouchesNothing) {
    leave_a_data_path();
    const auto before = attached();
    const auto pins = pinned();
    const auto done = run({WEIR_BINARY, "detach"}, {.netns = &world().client_host});
    EXPECT_EQ(done.status, 3);
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(done.err,
              "instance default is on interfaces of another network namespace: run weir detach in "
              "the network namespace of the daemon\n");
    EXPECT_EQ(attached(), before);
    EXPECT_EQ(pinned(), pins);
    EXPECT_EQ(weir({"detach"}).status, 0);
    expect_nothing_left();
}

TEST_F(Detach, UnpinsWhenTheInterfacesHaveVanished) {
    leave_a_data_path();
    for (const auto *name : {"lb0", "lb1", "lb2"})
        world().weir.command(std::string("ip link del ") + name);
    const auto done = weir({"detach"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_NE(done.out.find("no interface: none had it"), std::string::npos) << done.out;
    expect_nothing_left();
}

TEST_F(Detach, WithNothingThereSaysSo) {
    expect_nothing_attached("other");
    expect_nothing_left();
}

TEST_F(Detach, NamesTheProgramsWhosePinsWentWithTheBpffs) {
    leave_a_data_path();
    ASSERT_EQ(::umount2("/sys/fs/bpf", MNT_DETACH), 0);
    expect_lost("default", {"lb0", "lb1", "lb2"});
    ASSERT_EQ(::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr), 0);
    expect_lost("default", {"lb0", "lb1", "lb2"});
    for (const std::string name : {"lb0", "lb1", "lb2"}) {
        world().weir.command("tc qdisc del dev " + name + " clsact");
        world().weir.command("ip link set " + name + " xdp off");
    }
    expect_nothing_attached("default");
    expect_nothing_left();
}

TEST_F(Detach, DoesNotTakeTheProgramsOfAnotherInstanceForItsOwn) {
    leave("one", "lb0 lb1");
    leave("two", "lb2");
    expect_nothing_attached("three");
    std::filesystem::remove_all("/sys/fs/bpf/weir/one");
    expect_lost("one", {"lb0", "lb1"});
    EXPECT_EQ(weir({"detach", "--instance", "two"}).status, 0);
}

}  // namespace
}  // namespace weir::test
