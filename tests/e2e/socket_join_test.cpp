// Joined sockets: two programs on Weir's host, of which one was given the other by a service, talk
// past TCP. Every byte is looked at.
#include <thread>

#include "tests/e2e/sockets.h"
#include "tests/support/temp.h"

namespace weir::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// On a machine that is emulated so much takes minutes.
std::uint64_t much() {
    return (is_emulated() ? 64 : 512) * kMiB;
}

class JoinedSockets : public SocketsTest {
  protected:
    Settings joining() const { return settings(", join: true"); }

    std::vector<std::string> stream(const char *role, const Endpoint &where, const char *kind,
                                    std::uint64_t bytes, const std::vector<std::string> &keys) {
        std::vector<std::string> command{WEIR_SOCKET_STREAM, role, where.to_string(), kind,
                                         std::to_string(bytes)};
        command.insert(command.end(), keys.begin(), keys.end());
        return command;
    }
    std::unique_ptr<Process> listen(const char *kind, std::uint64_t bytes,
                                    const std::vector<std::string> &keys,
                                    const ProcessOptions &options) {
        auto program = std::make_unique<Process>(
            stream("listen", world().at_weir, kind, bytes, keys), options);
        EXPECT_TRUE(program->wait_for_err("listening"));
        return program;
    }
    std::unique_ptr<Process> listen(const char *kind, std::uint64_t bytes,
                                    const std::vector<std::string> &keys = {}) {
        return listen(kind, bytes, keys, inside());
    }
    std::unique_ptr<Process> connect(const char *kind, std::uint64_t bytes,
                                     const std::vector<std::string> &keys = {}) {
        return std::make_unique<Process>(stream("connect", world().vip_local, kind, bytes, keys),
                                         inside());
    }
    // Both to their end: all was as it should.
    static void expect_good(Process &client, Process &server) {
        for (auto *program : {&client, &server}) {
            const auto done = program->wait(std::chrono::minutes(2));
            EXPECT_EQ(done.status, 0) << done.out << done.err;
        }
    }
    void expect_good(const char *kind, std::uint64_t bytes,
                     const std::vector<std::string> &keys = {}) {
        const auto server = listen(kind, bytes, keys);
        const auto client = connect(kind, bytes, keys);
        expect_good(*client, *server);
    }

    double joined() { return metric("weir_socket_joined_total{service=\"local\"}"); }
    double bytes(const std::string &way) {
        return metric("weir_socket_joined_bytes_total{service=\"local\",way=\"" + way + "\"}");
    }
    // What a program said of an option: "tls=TEXT".
    static std::string option(const Process &program, const std::string &name) {
        const auto text = program.err();
        const auto at = text.find(name + "=");
        return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
    }
};

TEST_P(JoinedSockets, EveryByteArrivesInOrderBothWaysAtOnce) {
    run_weir(joining());
    expect_good("both", much(), {"write=8192"});
    EXPECT_EQ(joined(), 1);
    EXPECT_GT(bytes("socket"), 0);
    EXPECT_EQ(packets(), 0);
}

TEST_P(JoinedSockets, WhatIsWrittenInSmallPartsGoesFromSocketToSocket) {
    run_weir(joining());
    expect_good("ping", 5000);
    EXPECT_EQ(joined(), 1);
    EXPECT_GE(bytes("socket"), 9000) << "by TCP: " << bytes("tcp");
}

// Each byte is put from socket to socket, but for the few that TCP had to take.
TEST_P(JoinedSockets, RequestsAndAnswersGoFromSocketToSocket) {
    run_weir(joining());
    expect_good("echo", much(), {"write=16384"});
    EXPECT_EQ(joined(), 1);
    EXPECT_GT(bytes("socket"), 0.99 * 2 * static_cast<double>(much()))
        << "by TCP: " << bytes("tcp");
}

TEST_P(JoinedSockets, SmallBuffersAndPartialWrites) {
    run_weir(joining());
    expect_good("both", 8 * kMiB, {"sndbuf=4096", "rcvbuf=2048", "write=10007", "read=777"});
    expect_good("both", 8 * kMiB, {"write=777", "read=10007"});
    expect_good("both", 64 * kMiB, {"rcvbuf=65536", "write=1000003", "read=1000003"});
    EXPECT_EQ(joined(), 3);
    EXPECT_GT(bytes("socket"), 0);
}

// An end that has closed its direction waits for the answer: that of the FIN comes first.
TEST_P(JoinedSockets, AnAnswerFollowsTheEndOfOneDirection) {
    run_weir(joining());
    for (int round = 0; round < 5; round++)
        expect_good("ask", kMiB, {"pause=100"});
    EXPECT_EQ(joined(), 5);
}

TEST_P(JoinedSockets, ProgramsThatBlockAreLeftToTcp) {
    run_weir(joining());
    expect_good("ask", kMiB, {"pause=100", "blocks=1"});
    {
        const auto server = listen("ask", kMiB, {"pause=100", "blocks=1"});
        const auto client = connect("ask", kMiB);
        expect_good(*client, *server);
    }
    {
        const auto server = listen("ask", kMiB, {"pause=100"});
        const auto client = connect("ask", kMiB, {"blocks=1"});
        expect_good(*client, *server);
    }
    EXPECT_EQ(joined(), 0);
    // it did not yet when it connected
    for (int round = 0; round < 5; round++)
        expect_good("ask", kMiB, {"pause=100", "blocks=2"});
    EXPECT_EQ(joined(), 5);
    EXPECT_EQ(bytes("socket"), 0);
}

TEST_P(JoinedSockets, AReaderThatIsSlowMakesTheWriterWait) {
    run_weir(joining());
    const auto server = listen("ask", 128 * kMiB, {"pause=2000"});
    const auto client = connect("ask", 128 * kMiB, {"write=8192"});
    EXPECT_TRUE(eventually([&] { return bytes("tcp") > 0; }));
    std::this_thread::sleep_for(std::chrono::seconds(1));
    EXPECT_LE(bytes("socket"), kMiB);
    EXPECT_LT(bytes("tcp"), 64 * kMiB);
    EXPECT_TRUE(client->running());
    expect_good(*client, *server);
}

TEST_P(JoinedSockets, OnlyWhatAServiceSentToAProgramOfTheCgroup) {
    run_weir(joining());
    {
        const auto server = listen("both", kMiB, {}, outside());
        const auto client = connect("both", kMiB);
        expect_good(*client, *server);
    }
    {
        const auto server = listen("both", kMiB);
        Process client(stream("connect", world().at_weir, "both", kMiB, {}), inside());
        expect_good(client, *server);
    }
    expect_served(ask("tcp-each", world().vip_tcp, 4), world().vip_tcp, true);
    EXPECT_EQ(joined(), 0);
    expect_good("both", kMiB);
    EXPECT_EQ(joined(), 1);
}

TEST_P(JoinedSockets, OffUnlessConfigured) {
    run_weir(settings());
    expect_good("both", kMiB);
    EXPECT_EQ(joined(), -1);
    EXPECT_EQ(run({"bpftool", "cgroup", "show", cgroup().path()}).out.find("weir_join"),
              std::string::npos);
}

// What waits in the other socket would be lost with the table.
TEST_P(JoinedSockets, DetachLosesNothingOfWhatIsUnderWay) {
    run_weir(joining());
    const auto server = listen("both", 64 * kMiB, {"pause=3000", "write=8192"});
    const auto client = connect("both", 64 * kMiB, {"write=8192"});
    EXPECT_TRUE(eventually([&] { return bytes("socket") > 0; }));
    end_daemon(SIGTERM);
    command({"detach"});
    EXPECT_EQ(run({"bpftool", "cgroup", "show", cgroup().path()}).out.find("weir_join"),
              std::string::npos);
    EXPECT_TRUE(client->running() && server->running()) << "too late to see anything";
    expect_good(*client, *server);
}

TEST_P(JoinedSockets, AReloadTurnsItOffForNewConnections) {
    run_weir(joining());
    const auto server = listen("both", 64 * kMiB, {"pause=3000", "write=8192", "connections=2"});
    const auto client = connect("both", 64 * kMiB, {"write=8192"});
    EXPECT_TRUE(eventually([&] { return bytes("socket") > 0; }));
    reload(settings());
    EXPECT_EQ(run({"bpftool", "cgroup", "show", cgroup().path()}).out.find("weir_join"),
              std::string::npos);
    const auto next = connect("both", 64 * kMiB, {"write=8192"});
    EXPECT_EQ(client->wait().status, 0) << client->out();
    expect_good(*next, *server);
    EXPECT_EQ(joined(), 1);
    reload(joining());
    expect_good("both", kMiB);
    EXPECT_EQ(joined(), 2);
}

TEST_P(JoinedSockets, I7TheyGoOnWithoutTheDaemonAndWithTheNextOne) {
    run_weir(joining());
    const auto server = listen("both", 64 * kMiB, {"pause=2000", "write=8192", "connections=2"});
    const auto client = connect("both", 64 * kMiB, {"write=8192"});
    EXPECT_TRUE(eventually([&] { return bytes("socket") > 0; }));
    end_daemon(SIGKILL);
    const auto next = connect("both", 64 * kMiB, {"write=8192"});
    EXPECT_EQ(client->wait().status, 0) << client->out();
    start_daemon();
    expect_good(*next, *server);
    EXPECT_EQ(joined(), 2);
    const auto last = listen("both", 64 * kMiB, {"pause=3000", "write=8192"});
    const auto third = connect("both", 64 * kMiB, {"write=8192"});
    EXPECT_TRUE(eventually([&] { return joined() == 3; }));
    end_daemon(SIGTERM);
    start_daemon(WEIR_NEXT_BINARY);
    expect_good(*third, *last);
    expect_good("both", kMiB);
    EXPECT_GE(joined(), 1);
}

TEST_P(JoinedSockets, EncryptionInTheKernelIsRefusedWhereItWouldGoWrong) {
    run_weir(joining());
    const auto server = listen("both", kMiB, {"options=1"});
    const auto client = connect("both", kMiB, {"options=1"});
    expect_good(*client, *server);
    EXPECT_EQ(joined(), 1);
    for (const auto *program : {client.get(), server.get()}) {
        EXPECT_EQ(option(*program, "tls"), "tls=Device or resource busy");
        EXPECT_EQ(option(*program, "long"), "long=Success");
    }
    const auto other = listen("both", kMiB, {"options=1"}, outside());
    const auto unjoined = connect("both", kMiB);
    expect_good(*unjoined, *other);
    EXPECT_FALSE(option(*other, "tls").empty());
    EXPECT_NE(option(*other, "tls"), "tls=Device or resource busy");
}

TEST_P(JoinedSockets, CurlAndNginx) {
    auto wanted = joining();
    const auto host = world().vip_local.address.to_string();
    wanted.services = "  - {name: page, vip: \"" + host +
                      "\", port: 81, protocol: tcp, backends: [{address: \"" +
                      world().at_weir.address.to_string() + "\", port: 8080}]}\n";
    std::string page;
    while (page.size() < 4 * kMiB)
        page += "line " + std::to_string(page.size()) + "\n";
    folder().write("page", page);
    run_weir(wanted);
    const WebServer web(world().weir, folder(), "web", cgroup().path());
    const auto url = "http://" + (v4() ? host : "[" + host + "]") + ":81/page";
    for (int i = 0; i < 5; i++) {
        const auto got = run({"curl", "-sS", "--max-time", "8", url}, inside());
        EXPECT_TRUE(got.out == page) << got.out.size() << " bytes " << got.err;
    }
    // nginx goes by FIONREAD and short reads, with epoll edge-triggered
    for (int i = 0; i < 5; i++) {
        const auto put = run({"curl", "-sS", "--fail", "--max-time", "8", "-T",
                              (folder().path() / "page").string(), url + "-" + std::to_string(i)},
                             inside());
        EXPECT_EQ(put.status, 0) << put.err;
        EXPECT_TRUE(read_file(folder().path() / ("page-" + std::to_string(i))) == page);
    }
    EXPECT_EQ(metric("weir_socket_joined_total{service=\"page\"}"), 10);
}

INSTANTIATE_TEST_SUITE_P(Family, JoinedSockets, testing::Values(Family::v4, Family::v6),
                         [](const auto &instance) { return to_string(instance.param); });

}  // namespace
}  // namespace weir::test
