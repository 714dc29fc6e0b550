// The socket path where something is in its way: a start or a reload that fails, a daemon that is
// not root, and what it would do to itself.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/e2e/sockets.h"

namespace weir::test {
namespace {

class SocketRefused : public SocketsTest {
  protected:
    // Cannot be announced where IPv6 is off, which is found out after the sockets.
    void spoil(Settings &settings) {
        world().weir.sysctl("net/ipv6/conf/lb0/disable_ipv6", "1");
        settings.services +=
            "  - {name: far, vip: \"2001:db8:77::1\", port: 80, protocol: tcp, announce: address, "
            "backends: [{address: \"2001:db8:2::11\", port: 80}]}\n";
    }
    void expect_as_before() {
        EXPECT_EQ(ask("mark", world().vip_tcp, 1).front().from, "0");
        expect_served(ask("tcp-each", world().vip_tcp, 2), world().vip_tcp, true);
        EXPECT_EQ(ask("bind", world().vip_tcp, 1).front().error, "Address already in use");
        EXPECT_EQ(ask("bind", at(81), 1).front().error, "Address already in use")
            << "allowed by what was refused alone";
    }
    Endpoint at(std::uint16_t port) { return {world().vip_tcp.address, port}; }
    // With a second service, whose address and port bind() is refused.
    Settings guarded() {
        auto wanted = settings();
        wanted.services += second();
        return wanted;
    }
    std::string second() {
        return "  - {name: second, vip: \"" + at(81).address.to_string() +
               "\", port: 81, protocol: tcp, backends: [{address: \"" +
               world().at_one.address.to_string() + "\", port: 8080}]}\n";
    }
    std::vector<std::string> as_user(const std::string &file) {
        // as deploy/systemd/ordinary-user.conf has it
        const std::string caps =
            "-all,+net_admin,+net_raw,+bpf,+perfmon,+sys_admin,+chown,+setpcap,+dac_override";
        ::chmod(folder().path().c_str(), 0755);
        ::mkdir("/run/weir", 0755);
        EXPECT_EQ(::chown("/run/weir", 12345, 12345), 0);
        return {"setpriv",
                "--reuid=12345",
                "--regid=12345",
                "--clear-groups",
                "--inh-caps=" + caps,
                "--ambient-caps=" + caps,
                "--bounding-set=" + caps,
                WEIR_BINARY,
                "run",
                "-c",
                file};
    }
};

TEST_P(SocketRefused, I8AReloadThatFailsLeavesWhatWasTold) {
    run_weir(guarded());
    auto wanted = settings(", deny: [stream], mark: 42, bind: {allow: [81]}");
    wanted.services += second();
    spoil(wanted);
    write_config(wanted.text());
    const auto done = weir({"reload"});
    EXPECT_EQ(done.status, 1);
    EXPECT_NE(done.err.find("announce"), std::string::npos) << done.err;
    expect_as_before();
}

TEST_P(SocketRefused, I8AStartThatFailsLeavesWhatWasTold) {
    run_weir(guarded());
    const auto tcp = keep_asking("tcp", world().vip_tcp);
    end_daemon(SIGTERM);
    auto wanted = settings(", deny: [stream], mark: 42, bind: {allow: [81]}");
    wanted.services += second();
    spoil(wanted);
    const auto file = folder().write("wrong.yaml", wanted.text());
    const auto done = weir({"run", "-c", file});
    EXPECT_EQ(done.status, 3) << done.err;
    EXPECT_NE(done.err.find("announce"), std::string::npos) << done.err;
    expect_as_before();
    expect_served(next(*tcp), world().vip_tcp, true);
}

TEST_P(SocketRefused, ADaemonOfAnOrdinaryUserChangesThemByReload) {
    auto without = settings();
    without.more.clear();
    const auto file = write_config(without.text());
    Process weir(as_user(file), {.netns = &world().weir});
    ASSERT_TRUE(weir.wait_for_err(" ready: ")) << weir.err();
    EXPECT_EQ(ask("tcp", world().vip_tcp, 1).front().error, "Network is unreachable");
    reload(settings());
    expect_served(ask("tcp-each", world().vip_tcp, 2), world().vip_tcp, true);
    reload(settings(", mark: 42"));
    EXPECT_EQ(ask("mark", world().vip_tcp, 1).front().from, "42");
    cgroup().remove();
    EXPECT_TRUE(weir.wait_for_err(" has gone: waiting for it")) << weir.err();
    cgroup().make();
    EXPECT_TRUE(weir.wait_for_err(cgroup().path() + ": attached")) << weir.err();
    expect_served(ask("tcp-each", world().vip_tcp, 2), world().vip_tcp, true);
    reload(without);
    EXPECT_EQ(ask("tcp", world().vip_tcp, 1).front().error, "Network is unreachable");
    weir.kill(SIGTERM);
    EXPECT_EQ(weir.wait().status, 0) << weir.err();
    command({"detach"});
}

// Its folder in the bpffs is root's.
TEST_P(SocketRefused, ADaemonOfAnotherUserThanBeforeChangesThemAsWell) {
    run_weir(settings());
    end_daemon(SIGTERM);
    const auto file = write_config(settings().text());
    Process weir(as_user(file), {.netns = &world().weir});
    ASSERT_TRUE(weir.wait_for_err(" ready: ")) << weir.err();
    reload(settings(", mark: 42"));
    EXPECT_EQ(ask("mark", world().vip_tcp, 1).front().from, "42");
    auto without = settings();
    without.more.clear();
    reload(without);
    EXPECT_EQ(ask("tcp", world().vip_tcp, 1).front().error, "Network is unreachable");
    weir.kill(SIGTERM);
    EXPECT_EQ(weir.wait().status, 0) << weir.err();
    command({"detach"});
}

TEST_P(SocketRefused, DenyThatWouldBeForWeirItself) {
    const auto file = write_config(settings(", deny: [raw, stream]").text());
    const auto refused = run({WEIR_BINARY, "run", "-c", file}, inside());
    EXPECT_EQ(refused.status, 2) << refused.err;
    EXPECT_NE(refused.err.find("deny stream would be for weir itself, whose cgroup is in " +
                               cgroup().path() + ", and which needs such sockets for"),
              std::string::npos)
        << refused.err;
    EXPECT_EQ(lines(refused.err), 1U);
    write_config(settings(", deny: [raw]").text());
    Process weir({WEIR_BINARY, "run", "-c", file}, inside());
    ASSERT_TRUE(weir.wait_for_err(" ready: ")) << weir.err();
    write_config(settings(", deny: [ipv4/dgram]").text());
    const auto reloaded = this->weir({"reload"});
    EXPECT_EQ(reloaded.status, 1);
    EXPECT_NE(reloaded.err.find("deny ipv4/dgram would be for weir itself"), std::string::npos)
        << reloaded.err;
    weir.kill(SIGTERM);
    EXPECT_EQ(weir.wait().status, 0);
    command({"detach"});
}

INSTANTIATE_TEST_SUITE_P(Family, SocketRefused, testing::Values(Family::v4, Family::v6),
                         [](const auto &instance) { return to_string(instance.param); });

}  // namespace
}  // namespace weir::test
