// What a daemon that runs may still do, by /proc/PID/status, and that it is enough.
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "lb/daemon/privileges.h"
#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

// CAP_NET_ADMIN (12), CAP_NET_RAW (13), CAP_PERFMON (38), CAP_BPF (39)
constexpr const char *kEffective = "000000c000003000";
// and CAP_SYS_ADMIN (21), for a moment at a time
constexpr const char *kPermitted = "000000c000203000";
constexpr const char *kNone = "0000000000000000";

// A line of a status file of /proc, "CapEff".
std::string value_of(const std::string &status, const std::string &key) {
    std::istringstream lines(status);
    for (std::string line; std::getline(lines, line);)
        if (line.compare(0, key.size() + 1, key + ":") == 0)
            return line.substr(line.find_first_not_of(" \t", key.size() + 1));
    return "no " + key;
}

std::string status_of(pid_t pid) {
    return read_file("/proc/" + std::to_string(pid) + "/status");
}

void expect_few(pid_t pid) {
    // capabilities are a thread's
    for (const auto &thread :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
        const auto status = read_file(thread.path() / "status");
        EXPECT_EQ(value_of(status, "CapEff"), kEffective);
        EXPECT_EQ(value_of(status, "CapPrm"), kPermitted);
        EXPECT_EQ(value_of(status, "CapBnd"), kNone);
        EXPECT_EQ(value_of(status, "CapInh"), kNone);
        EXPECT_EQ(value_of(status, "CapAmb"), kNone) << "or children have them";
        EXPECT_EQ(value_of(status, "NoNewPrivs"), "1");
    }
}

// Drops privileges as a daemon does, then executes a program that prints its own status.
std::string status_of_a_program_executed_after_dropping() {
    const Fd out(::memfd_create("status", MFD_CLOEXEC));
    const pid_t child = ::fork();
    if (child == 0) {
        if (!drop_privileges().empty())
            ::_exit(1);
        ::dup2(out.get(), STDOUT_FILENO);
        ::execlp("cat", "cat", "/proc/self/status", nullptr);
        ::_exit(127);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    std::string text(65536, '\0');
    text.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, ::pread(out.get(), text.data(), text.size(), 0))));
    return text;
}

class Privileges : public WeirTest {
  protected:
    // A reload that does all that takes a privilege: tables, addresses, neighbours, ports.
    void expect_reload_works(Process &daemon) {
        auto text = Settings{.hook = "tc", .backends_of_web = "192.0.2.11", .more = kSnat}.text();
        text.replace(text.find("  - name: web\n"), 14,
                     "  - name: web\n    announce: address\n    mode: fullnat\n");
        write_config(text);
        daemon.kill(SIGHUP);
        ASSERT_TRUE(daemon.wait_for_err("reloaded ")) << daemon.err();
        EXPECT_NE(world().weir.output("ip addr show dev lb0").find("203.0.113.10/32"),
                  std::string::npos);
        EXPECT_EQ(world().weir.output("cat /proc/sys/net/ipv4/ip_local_reserved_ports"),
                  "20000-29999\n");
        const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
        const auto answer =
            parse(Client(world().client_host, Protocol::tcp, world().vip_tcp).ask("x"));
        EXPECT_EQ(answer.server, "one") << daemon.err();
        EXPECT_EQ(answer.client.substr(0, 10), "192.0.2.1:")
            << "fullnat, by a table that was written since";
    }

    std::unique_ptr<Process> start_as(std::vector<std::string> command, const std::string &file) {
        command.insert(command.end(), {WEIR_BINARY, "run", "-c", file});
        auto daemon = std::make_unique<Process>(command, ProcessOptions{.netns = &world().weir});
        EXPECT_TRUE(daemon->wait_for_err(" ready: ")) << daemon->err();
        return daemon;
    }

    void end(Process &daemon) {
        daemon.kill(SIGTERM);
        EXPECT_EQ(daemon.wait().status, 0) << daemon.err();
    }

    void detach() { EXPECT_EQ(weir({"detach"}).status, 0); }
};

TEST_F(Privileges, ADaemonStartedAsRootKeepsFewCapabilitiesAndReloads) {
    const auto daemon = start(write_config(Settings{.hook = "tc"}.text()));
    expect_few(daemon->pid());
    expect_reload_works(*daemon);
    expect_few(daemon->pid());
    end(*daemon);
    detach();
    expect_nothing_left();
}

TEST_F(Privileges, AProgramThatItExecutesHasNoneEvenAsRoot) {
    const auto status = status_of_a_program_executed_after_dropping();
    EXPECT_EQ(value_of(status, "Uid").substr(0, 2), "0\t");
    for (const auto *key : {"CapEff", "CapPrm", "CapInh", "CapAmb"})
        EXPECT_EQ(value_of(status, key), kNone) << key;
    EXPECT_EQ(value_of(status, "NoNewPrivs"), "1");
}

TEST_F(Privileges, ADaemonOfAnOrdinaryUserStartsReloadsAndGoesOnWithItsTables) {
    // as deploy/systemd/ordinary-user.conf has it
    const std::string caps =
        "-all,+net_admin,+net_raw,+bpf,+perfmon,+sys_admin,+chown,+setpcap,+dac_override";
    const std::vector<std::string> user{"setpriv",
                                        "--reuid=12345",
                                        "--regid=12345",
                                        "--clear-groups",
                                        "--inh-caps=" + caps,
                                        "--ambient-caps=" + caps,
                                        "--bounding-set=" + caps};
    const auto file = write_config(Settings{.hook = "tc"}.text());
    ::chmod(folder().path().c_str(), 0755);
    ::mkdir("/run/weir", 0755);
    ASSERT_EQ(::chown("/run/weir", 12345, 12345), 0);
    auto daemon = start_as(user, file);
    EXPECT_EQ(value_of(status_of(daemon->pid()), "Uid").substr(0, 5), "12345");
    expect_few(daemon->pid());
    expect_reload_works(*daemon);
    end(*daemon);
    daemon = start_as(user, file);
    EXPECT_NE(daemon->err().find("goes on with the tables"), std::string::npos) << daemon->err();
    end(*daemon);
    detach();
}

TEST_F(Privileges, AreEnoughForInterfacesThatComeGoAndChangeTheirHook) {
    const auto daemon = start(write_config(Settings{.hook = "xdp"}.text()));
    world().weir.command("ip link del lb2");
    EXPECT_TRUE(daemon->wait_for_err("interface lb2 has gone")) << daemon->err();
    connect(world().two, "eth0", world().weir, "lb2");
    EXPECT_TRUE(daemon->wait_for_err("interface lb2: attached (xdp native)")) << daemon->err();
    world().weir.command("tc filter del dev lb1 egress");
    EXPECT_TRUE(daemon->wait_for_err("interface lb1: somebody took the programs off"));

    write_config(Settings{.interfaces = "lb0:tc lb1"}.text());
    daemon->kill(SIGHUP);
    EXPECT_TRUE(daemon->wait_for_err("reloaded ")) << daemon->err();
    const auto on = attached();
    EXPECT_EQ(on.find("clsact dev lb2"), std::string::npos) << "left: " << on;
    EXPECT_EQ(world().weir.output("ip link show lb0").find("xdp"), std::string::npos);
    EXPECT_NE(world().weir.output("ip link show lb1").find("xdp"), std::string::npos);
    expect_few(daemon->pid());
    end(*daemon);
    detach();
    expect_nothing_left();
}

TEST_F(Privileges, WithoutSetpcapItSaysWhatStays) {
    const auto daemon =
        start_as({"setpriv", "--bounding-set=-all,+net_admin,+bpf,+perfmon,+sys_admin"},
                 write_config(Settings{}.text()));
    EXPECT_EQ(value_of(status_of(daemon->pid()), "CapEff"), "000000c000001000");
    EXPECT_EQ(value_of(status_of(daemon->pid()), "CapPrm"), "000000c000201000");
    EXPECT_NE(daemon->err().find("the capability bounding set stays as it is"), std::string::npos);
    end(*daemon);
    detach();
}

}  // namespace
}  // namespace weir::test
