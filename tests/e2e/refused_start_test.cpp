// `weir run` that must not run: the exit status, one line that says why, and nothing left behind.
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>

#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

class RefusedStart : public WeirTest {
  protected:
    void expect_refused(const ProcessResult &done, int status, const std::string &message) {
        EXPECT_EQ(done.status, status);
        EXPECT_EQ(lines(done.err), 1) << done.err;
        EXPECT_NE(done.err.find(message), std::string::npos)
            << "expected: " << message << "\nprinted:  " << done.err;
        EXPECT_EQ(done.out, "");
    }
    void expect_refused_and_clean(const ProcessResult &done, int status,
                                  const std::string &message) {
        expect_refused(done, status, message);
        expect_nothing_left();
    }
};

TEST_F(RefusedStart, UnknownKeyNamesItsPlace) {
    const auto file = write_config(Settings{.more = "metricks: 1\n"}.text());
    const auto place = file + ":" + std::to_string(lines(Settings{}.text()) + 1) + ":1: ";
    expect_refused_and_clean(weir({"run", "-c", file}), 2, place + "unknown key 'metricks'");
    expect_refused_and_clean(weir({"check", "-c", file}), 2, place + "unknown key 'metricks'");
}

TEST_F(RefusedStart, BadAddressNamesItsPlace) {
    const auto file = write_config(Settings{.backends_of_web = "192.0.2.256"}.text());
    expect_refused_and_clean(weir({"run", "-c", file}), 2, file + ":11:");
    expect_refused_and_clean(weir({"check", "-c", file}), 2, "192.0.2.256");
}

TEST_F(RefusedStart, DuplicateServiceNamesItsPlace) {
    auto text = Settings{}.text();
    text.replace(text.find("vip: 203.0.113.20\n    port: 7000"), 32,
                 "vip: 203.0.113.10\n    port: 80");
    const auto file = write_config(text);
    expect_refused_and_clean(weir({"run", "-c", file}), 2, file + ":");
    expect_refused_and_clean(weir({"check", "-c", file}), 2, "203.0.113.10:80");
}

TEST_F(RefusedStart, NoInterfaceThatExists) {
    expect_refused_and_clean(
        weir({"run", "-c", write_config(Settings{.interfaces = "eth9"}.text())}), 3,
        ":2:5: interface eth9 does not exist (ip link shows those that do)");
    expect_refused_and_clean(
        weir({"run", "-c", write_config(Settings{.interfaces = "eth8 eth9"}.text())}), 3,
        ":2:5: of the interfaces none exists (ip link shows those that do)");
}

TEST_F(RefusedStart, NoInterfaceAtAll) {
    auto text = Settings{}.text();
    text.erase(0, text.find("services:"));
    const auto file = write_config(text);
    expect_refused_and_clean(weir({"run", "-c", file}), 2, file + ": no interface is configured");
}

TEST_F(RefusedStart, MissingFile) {
    const auto file = (folder().path() / "none.yaml").string();
    expect_refused_and_clean(weir({"run", "-c", file}), 2, file);
}

TEST_F(RefusedStart, NoPrivilege) {
    const auto file = write_config(Settings{}.text());
    const auto done =
        run({"setpriv", "--bounding-set=-all", "--inh-caps=-all", WEIR_BINARY, "run", "-c", file},
            {.netns = &world().weir});
    expect_refused_and_clean(done, 3,
                             "weir run needs CAP_BPF and CAP_NET_ADMIN and CAP_PERFMON and "
                             "CAP_SYS_ADMIN: run it as root\n");
}

TEST_F(RefusedStart, BusyMetricsPort) {
    const EchoServer other(world().weir, Protocol::tcp, *Endpoint::parse("127.0.0.1:9470"), "x");
    const auto file = write_config(Settings{}.text());
    expect_refused_and_clean(weir({"run", "-c", file}), 3,
                             file +
                                 ":26:19: metrics.listen: cannot listen on 127.0.0.1:9470: "
                                 "Address already in use");
}

TEST_F(RefusedStart, AttachmentThatFailsHalfWayTakesEverythingBack) {
    // lb0 and lb1 can be attached to, and then lb2 cannot: an ingress qdisc stands in the way
    world().weir.command("tc qdisc add dev lb2 ingress");
    const auto file = write_config(Settings{}.text());
    expect_refused_and_clean(weir({"run", "-c", file}), 3, "(tc qdisc del dev lb2 ingress)");
    EXPECT_NE(world().weir.output("tc qdisc show dev lb2").find("ingress"), std::string::npos)
        << "what others put there is theirs";
}

TEST_F(RefusedStart, OffloadToAnInterfaceThatRunsNoPrograms) {
    auto text = Settings{}.text();
    text.replace(text.find("hook: xdp"), 9, "hook: xdp, xdp_mode: offload");
    expect_refused_and_clean(weir({"run", "-c", write_config(text)}), 3,
                             "cannot attach XDP (offload) to lb0: it runs no programs itself; use "
                             "`xdp_mode: native` or `generic`");
}

TEST_F(RefusedStart, ApiSocketThatIsAnotherFile) {
    const auto path = folder().write("precious", "text");
    const auto file = write_config(Settings{.socket = path}.text());
    expect_refused_and_clean(weir({"run", "-c", file}), 3,
                             file + ":27:15: api.socket: cannot listen on " + path);
    EXPECT_EQ(read_file(path), "text");
}

TEST_F(RefusedStart, ApiSocketWhereSomebodyListens) {
    const Fd other(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{AF_UNIX, {}};
    const auto path = (folder().path() / "live.sock").string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(other.get(), reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(other.get(), 1), 0);
    const auto file = write_config(Settings{.socket = path}.text());
    expect_refused_and_clean(weir({"run", "-c", file}), 3, "another daemon answers there");
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(RefusedStart, SecondDaemonOfAnInstanceLeavesTheFirstAlone) {
    const auto daemon = start(write_config(Settings{}.text()));
    const auto before = attached();
    const auto same = weir({"run", "-c", write_config(Settings{}.text())});
    expect_refused(same, 3, "api.socket: cannot listen on /run/weir/weir.sock: another daemon");

    const auto other = folder().write(
        "other.yaml",
        Settings{.socket = "/run/weir/other.sock", .metrics = "127.0.0.1:9471"}.text());
    expect_refused(weir({"run", "-c", other}), 3, "another weir works on the instance 'default'");
    expect_refused(run({WEIR_NEXT_BINARY, "run", "-c", other}, {.netns = &world().weir}), 3,
                   "another weir works on the instance 'default'");
    expect_refused(weir({"detach"}), 3, "another weir works on the instance 'default'");

    EXPECT_EQ(attached(), before);
    EXPECT_FALSE(std::filesystem::exists("/run/weir/other.sock"));
    EXPECT_EQ(listing({"status"})["pid"], daemon->pid());
}

}  // namespace
}  // namespace weir::test
