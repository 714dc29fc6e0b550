#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

#include "lb/cli/commands.h"
#include "lb/cli/table.h"
#include "lb/daemon/preflight.h"
#include "tests/support/temp.h"

namespace weir {
namespace {

using testing::HasSubstr;

struct Ran {
    int status;
    std::string out;
    std::string err;
};

Ran weir(std::vector<const char *> arguments) {
    arguments.insert(arguments.begin(), "weir");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = run_cli(static_cast<int>(arguments.size()), arguments.data());
    std::fflush(stdout);
    return {status, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST(Cli, WithoutASubcommandItShowsHelpAndFails) {
    const auto done = weir({});
    EXPECT_EQ(done.status, 2);
    EXPECT_THAT(done.err, HasSubstr("Subcommands:"));
}

TEST(Cli, VersionAndHelpAreNoErrors) {
    EXPECT_EQ(weir({"--version"}).out, "weir " WEIR_VERSION "\n");
    for (const char *name : {"run", "check", "status", "services", "backends", "flows", "overrides",
                             "backend", "reload", "detach", "doctor", "top", "trace"}) {
        const auto done = weir({name, "--help"});
        EXPECT_EQ(done.status, 0) << name;
        EXPECT_THAT(done.out, HasSubstr("Usage: weir " + std::string(name)));
        EXPECT_EQ(done.err, "");
    }
}

TEST(Cli, UsageErrorsAreOneLineAndStatus2) {
    const std::vector<std::vector<const char *>> lines{
        {"nonsense"},
        {"run", "--nonsense"},
        {"run", "-c"},
        {"flows", "--socket", "a", "-c", "b"},
        {"backend"},
        {"backend", "drain", "web"},
        {"backend", "stop", "web", "192.0.2.1:80"},
        {"backend", "weight", "web", "192.0.2.1:80"},
        {"overrides", "clear", "web"},
        {"reload", "now"},
        {"detach", "--instance", "../x"},
        {"detach", "--instance", "a", "-c", "b"},
        {"status", "extra"},
        {"trace"},
        {"trace", "packets"},
        {"trace", "sockets", "--interval", "50ms"},
        {"trace", "sockets", "--interval", "2m"},
        {"trace", "sockets", "--duration", "10"},
        {"trace", "sockets", "--call", "connect,read"},
        {"trace", "sockets", "--sort", "name"},
        {"trace", "sockets", "--pid", "0"},
        {"trace", "sockets", "--comm", ""},
        {"trace", "sockets", "--count", "0"},
        {"top", "--interval", "100ms"},
        {"top", "--interval", "1"},
        {"top", "--iterations", "x"},
        {"top", "--connect", "lb:1", "--cert", "c", "--key", "k"},
        {"status", "--cert", "c"},
        {"reload", "--connect", "192.0.2.5:1"},
        {"backend", "drain", "web", "192.0.2.1:80", "--socket", "s", "--connect", "lb:1", "--cert",
         "c", "--key", "k"}};
    for (const auto &line : lines) {
        const auto done = weir(line);
        EXPECT_EQ(done.status, 2) << line[0];
        EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
        EXPECT_EQ(done.out, "");
    }
}

TEST(Cli, UsageErrorsPointToTheHelpOfTheSubcommand) {
    EXPECT_THAT(weir({"nonsense"}).err, HasSubstr("(see weir --help)"));
    EXPECT_THAT(weir({"run", "--nonsense"}).err, HasSubstr("(see weir run --help)"));
    EXPECT_THAT(weir({"status", "extra"}).err, HasSubstr("(see weir status --help)"));
    EXPECT_THAT(weir({"replay"}).err, HasSubstr("(see weir replay --help)"));
    EXPECT_THAT(weir({"backend", "drain"}).err, HasSubstr("(see weir backend drain --help)"));
}

TEST(Cli, CheckPrintsTheEffectiveConfiguration) {
    const test::TempDir folder;
    const auto file = folder.write("weir.yaml",
                                   "services:\n"
                                   "  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp,\n"
                                   "     backends: [{address: 198.51.100.11, port: 8080}]}\n");
    const auto done = weir({"check", "-c", file.c_str()});
    EXPECT_EQ(done.status, 0) << done.err;
    const auto again = parse_config(done.out, "printed");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(to_yaml(*again), done.out);
}

TEST(Cli, AListingWithoutADaemonSaysSo) {
    const test::TempDir folder;
    const auto socket = (folder.path() / "none.sock").string();
    const auto done = weir({"status", "--socket", socket.c_str()});
    EXPECT_EQ(done.status, 3);
    EXPECT_THAT(done.err, HasSubstr("no weir daemon answers at " + socket + ": "));
    const auto top = weir({"top", "--socket", socket.c_str()});
    EXPECT_EQ(top.status, 3);
    EXPECT_EQ(top.err, done.err);
    EXPECT_EQ(top.out, "");
}

TEST(Cli, ACertificateMeansAnotherDaemonThanThisHosts) {
    EXPECT_EQ(weir({"overrides", "clear", "--cert", "c", "--key", "k"}).err,
              "--cert, --key and --ca (WEIR_CERT, WEIR_KEY, WEIR_CA) need --connect\n");
    EXPECT_EQ(weir({"status", "--connect", "lb", "--cert", "c", "--key", "k"}).err,
              "lb: expected HOST:PORT or [IPV6-ADDRESS]:PORT\n");
}

TEST(Table, IsAsWideAsItsCells) {
    EXPECT_EQ(format_table({{"A"}, {"NUMBER", true}, {"C"}}, {{"long", "7", ""}, {"", "8", "x"}}),
              "A     NUMBER  C\n"
              "long       7\n"
              "           8  x\n");
}

TEST(Table, FormatsBytesAndDurations) {
    EXPECT_EQ(format_bytes(0), "0 B");
    EXPECT_EQ(format_bytes(1023), "1023 B");
    EXPECT_EQ(format_bytes(1024), "1.0 KiB");
    EXPECT_EQ(format_bytes(1048575), "1.0 MiB");
    EXPECT_EQ(format_bytes(~0ULL), "16.0 EiB");
    EXPECT_EQ(format_duration(-1), "0s");
    EXPECT_EQ(format_duration(59.9), "59s");
    EXPECT_EQ(format_duration(61), "1m 1s");
    EXPECT_EQ(format_duration(3600 * 3 + 60 * 20), "3h 20m");
    EXPECT_EQ(format_duration(86400 * 12 + 3600 * 4), "12d 4h");
}

constexpr std::uint64_t bits(std::initializer_list<unsigned> capabilities) {
    std::uint64_t all = 0;
    for (const auto one : capabilities)
        all |= std::uint64_t{1} << one;
    return all;
}

TEST(Preflight, NamesTheCapabilitiesThatAreMissing) {
    using testing::ElementsAre;
    EXPECT_THAT(missing_capabilities(0),
                ElementsAre("CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON", "CAP_SYS_ADMIN"));
    EXPECT_THAT(missing_capabilities(bits({CAP_SYS_ADMIN, CAP_NET_ADMIN})),
                ElementsAre("CAP_BPF", "CAP_PERFMON"));
    EXPECT_THAT(missing_capabilities(bits({CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_ADMIN})),
                ElementsAre());
}

TEST(Preflight, SizesSocketsAndTheInstanceMayNotChangeInAReload) {
    Config running;
    running.interfaces = {{"eth0", Hook::xdp, XdpMode::native, {2, 5}}};
    const auto refusal = [&](const std::function<void(Config &)> &change) {
        auto wanted = running;
        change(wanted);
        const auto done = check_reloadable(running, wanted);
        return done ? std::string() : done.error().message;
    };
    EXPECT_EQ(refusal([](Config &to) { to.interfaces[0].mark.line = 7; }), "");
    EXPECT_EQ(refusal([](Config &to) { to.timeouts.udp = std::chrono::seconds(9); }), "");
    EXPECT_EQ(refusal([](Config &to) { to.services.emplace_back(); }), "");
    const auto refused = [](const std::string &where, const std::string &remedy) {
        return where + " cannot change while weir runs: " + remedy;
    };
    const std::string restart = "restart it instead, which costs no packet";
    const std::string detach =
        "stop it, run `weir detach --instance default`, which ends the flows, and start it again";
    running.file = "f";
    running.marks = {.interfaces = {1, 2},
                     .limits = {3, 4},
                     .metrics_listen = {5, 6},
                     .api_socket = {7, 8},
                     .api_group = {7, 9},
                     .state_file = {8, 1},
                     .instance = {9, 1}};
    EXPECT_EQ(refusal([](Config &to) { to.instance = "b"; }), refused("f:9:1: `instance`", detach));
    EXPECT_EQ(refusal([](Config &to) { to.interfaces[0].hook = Hook::tc; }), "");
    EXPECT_EQ(refusal([](Config &to) { to.limits.flows++; }), refused("f:3:4: `limits`", restart));
    EXPECT_EQ(refusal([](Config &to) { to.metrics = Endpoint{}; }),
              refused("f:5:6: `metrics.listen`", restart));
    EXPECT_EQ(refusal([](Config &to) { to.api_socket = "x"; }),
              refused("f:7:8: `api.socket`", restart));
    EXPECT_EQ(refusal([](Config &to) { to.api_group = "x"; }),
              refused("f:7:9: `api.group`", restart));
    EXPECT_EQ(refusal([](Config &to) {
                  to.api_tcp.emplace().listen_mark = {7, 10};
              }),
              refused("f:7:10: `api.listen`", restart));
    running.api_tcp.emplace();
    EXPECT_EQ(refusal([](Config &to) { to.api_tcp->listen.port++; }),
              refused("f: `api.listen`", restart));
    EXPECT_EQ(refusal([](Config &to) { to.api_tcp.reset(); }), refused("f: `api.listen`", restart));
    EXPECT_EQ(refusal([](Config &to) { to.api_tcp->key.path = "/another"; }), "");
    EXPECT_EQ(refusal([](Config &to) {
                  to.api_socket = "x";
                  to.marks.api_socket = {};
              }),
              refused("f: `api.socket`", restart))
        << "a default has no line";
}

}  // namespace
}  // namespace weir
