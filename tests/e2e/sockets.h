// Tests of the socket path: programs on Weir's host, in a cgroup of their own. The host has no
// route to a VIP, so that what reaches one does so at its socket; nothing of it is on any
// interface.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/tools.h"
#include "tests/support/cgroup.h"

namespace weir::test {

// One line of weir_socket_client: "3 from=... peer=... SERVER CLIENT TEXT", or "3 error=...".
struct Exchange {
    std::string from, peer, server, client, text, error;
};
Exchange parse_exchange(const std::string &line);
std::vector<Exchange> parse_exchanges(const std::string &lines);

class SocketsTest : public WeirTest, public testing::WithParamInterface<Family> {
  protected:
    SocketsTest() : WeirTest(GetParam()) {}
    void SetUp() override;
    void TearDown() override;

    static bool v4() { return GetParam() == Family::v4; }
    // `sockets` as YAML: more keys, ", mark: 1".
    Settings settings(const std::string &more = "") const;
    void run_weir(const Settings &settings);
    void reload(const Settings &settings);
    void command(const std::vector<std::string> &arguments);

    // A program on Weir's host, in the cgroup; and outside it.
    ProcessOptions inside() { return {.netns = &world().weir, .cgroup = cgroup().path()}; }
    ProcessOptions outside() { return {.netns = &world().weir}; }
    // weir_socket_client to its end, and in the background.
    std::vector<Exchange> ask(const std::string &kind, const std::string &to, int rounds,
                              const ProcessOptions &options);
    std::vector<Exchange> ask(const std::string &kind, const std::string &to, int rounds) {
        return ask(kind, to, rounds, inside());
    }
    std::vector<Exchange> ask(const std::string &kind, const Endpoint &to, int rounds,
                              const ProcessOptions &options) {
        return ask(kind, to.to_string(), rounds, options);
    }
    std::vector<Exchange> ask(const std::string &kind, const Endpoint &to, int rounds) {
        return ask(kind, to.to_string(), rounds, inside());
    }
    std::unique_ptr<Process> keep_asking(const std::string &kind, const Endpoint &to,
                                         const ProcessOptions &options);
    std::unique_ptr<Process> keep_asking(const std::string &kind, const Endpoint &to) {
        return keep_asking(kind, to, inside());
    }
    // Waits for the next exchanges of a program; what they said.
    static std::vector<Exchange> next(const Process &program, std::size_t more = 3);

    // Every exchange was with the VIP, as the program sees it, and served by a backend.
    static void expect_served(const std::vector<Exchange> &all, const Endpoint &vip,
                              bool connected) {
        for (const auto &one : all) {
            EXPECT_EQ(one.error, "");
            EXPECT_TRUE(one.server == "one" || one.server == "two") << one.server;
            EXPECT_EQ(one.peer, connected ? vip.to_string() : "-");
            EXPECT_TRUE(one.from == vip.to_string() || one.from == "-") << one.from;
        }
    }
    static std::set<std::string> servers(const std::vector<Exchange> &all) {
        std::set<std::string> names;
        for (const auto &one : all)
            names.insert(one.server);
        return names;
    }
    // Packets that the data path saw of any service; flows that it opened.
    double packets();
    double connections(const std::string &service, const Endpoint &backend);
    TestCgroup &cgroup() { return *cgroup_; }
    Process &daemon() { return *daemon_; }
    void end_daemon(int signal);
    void start_daemon(const std::string &binary = WEIR_BINARY);
    void end_server_one() { one_.clear(); }

  private:
    std::unique_ptr<TestCgroup> cgroup_;
    std::vector<std::unique_ptr<EchoServer>> one_, two_;
    std::string config_;
    std::unique_ptr<Process> daemon_;
};

}  // namespace weir::test
