// The cgroup of the socket path: it is absent, comes, goes, and is another one after a reload.
#include "tests/e2e/sockets.h"

namespace weir::test {
namespace {

class SocketCgroup : public SocketsTest {
  protected:
    bool says(const std::string &what) {
        return daemon().wait_for_err("cgroup " + cgroup().path() + what);
    }
    std::size_t times(const std::string &what) {
        const auto said = daemon().err();
        std::size_t count = 0;
        for (auto at = said.find(what); at != std::string::npos; at = said.find(what, at + 1))
            ++count;
        return count;
    }
    std::string state() { return listing({"status"})["sockets_state"]; }
    double connected() {
        return connections("web", world().at_one) + connections("web", world().at_two);
    }
    void expect_served_here() {
        expect_served(ask("tcp-each", world().vip_tcp, 4), world().vip_tcp, true);
    }
};

TEST_P(SocketCgroup, OneThatDoesNotExistIsWaitedFor) {
    cgroup().remove();
    run_weir(settings());
    EXPECT_TRUE(says(" does not exist: waiting for it")) << daemon().err();
    EXPECT_EQ(state(), "absent");
    EXPECT_NE(weir({"status"})
                  .out.find("sockets   of programs in " + cgroup().path() +
                            ", which does not exist: waiting for it\n"),
              std::string::npos);
    EXPECT_EQ(
        metric("weir_socket_cgroup_state{cgroup=\"" + cgroup().path() + "\",state=\"absent\"}"), 1);
    cgroup().make();
    ASSERT_TRUE(says(": attached")) << daemon().err();
    expect_served_here();
    EXPECT_EQ(state(), "attached");
}

TEST_P(SocketCgroup, OneThatIsRemovedAndMadeAgainIsServedAgain) {
    run_weir(settings());
    expect_served_here();
    cgroup().remove();
    ASSERT_TRUE(says(" has gone: waiting for it")) << daemon().err();
    EXPECT_EQ(state(), "absent");
    reload(settings());
    cgroup().make();
    ASSERT_TRUE(says(": attached")) << daemon().err();
    expect_served_here();
    const auto tcp = keep_asking("tcp", world().vip_tcp);
    EXPECT_EQ(connected(), 1);
    EXPECT_EQ(times(" has gone"), 1U);
    EXPECT_EQ(times(": attached"), 1U);
}

// As a service manager does that starts a service again.
TEST_P(SocketCgroup, OneThatIsMadeAgainAtOnceIsServedAgain) {
    run_weir(settings());
    {
        const auto before = keep_asking("tcp", world().vip_tcp);
        EXPECT_EQ(connected(), 1);
    }
    cgroup().remove();
    cgroup().make();
    EXPECT_TRUE(eventually([&] { return ask("tcp", world().vip_tcp, 1).front().error.empty(); }));
    expect_served_here();
    // " was removed and made again: attached", or " has gone" before it, as the look falls
    EXPECT_EQ(times(": attached"), 1U) << daemon().err();
    EXPECT_TRUE(eventually([&] { return connected() == 0; }));
}

TEST_P(SocketCgroup, ANewDaemonTakesTheOneThatWasMadeMeanwhile) {
    run_weir(settings());
    end_daemon(SIGKILL);
    cgroup().remove();
    start_daemon();
    EXPECT_EQ(state(), "absent");
    end_daemon(SIGTERM);
    cgroup().make();
    start_daemon();
    expect_served_here();
    EXPECT_EQ(state(), "attached");
}

TEST_P(SocketCgroup, AReloadMovesThemToAnother) {
    TestCgroup other;
    ProcessOptions in_other{.netns = &world().weir, .cgroup = other.path()};
    run_weir(settings());
    const auto before = keep_asking("tcp", world().vip_tcp);
    auto wanted = settings();
    wanted.more = "sockets: {cgroup: " + other.name() + "}\n";
    reload(wanted);
    EXPECT_EQ(ask("tcp", world().vip_tcp, 1).front().error, "Network is unreachable");
    expect_served(ask("tcp-each", world().vip_tcp, 4, in_other), world().vip_tcp, true);
    for (const auto &one : next(*before))
        EXPECT_EQ(one.error, "") << "a connection lives on";
    auto after = keep_asking("tcp", world().vip_tcp, in_other);
    EXPECT_EQ(connected(), 1) << "of the cgroup that it is now";
    before->kill(SIGKILL);
    before->wait();
    EXPECT_EQ(connected(), 1);
    reload(settings());
    expect_served_here();
    EXPECT_EQ(ask("tcp", world().vip_tcp, 1, in_other).front().error, "Network is unreachable");
    EXPECT_EQ(connected(), 0);
    EXPECT_EQ(listing({"status"})["sockets"], cgroup().path());
    after->kill(SIGKILL);
    after->wait();
}

TEST_P(SocketCgroup, AReloadToOneThatIsAbsentTakesThemOffTheOther) {
    run_weir(settings());
    auto wanted = settings();
    wanted.more = "sockets: {cgroup: " + cgroup().name() + "/absent}\n";
    reload(wanted);
    EXPECT_EQ(ask("tcp", world().vip_tcp, 1).front().error, "Network is unreachable");
    EXPECT_EQ(state(), "absent");
}

INSTANTIATE_TEST_SUITE_P(Family, SocketCgroup, testing::Values(Family::v4, Family::v6),
                         [](const auto &instance) { return to_string(instance.param); });

}  // namespace
}  // namespace weir::test
