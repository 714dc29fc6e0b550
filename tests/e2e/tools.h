// Programs that people use, between the hosts of a World.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {

// For Settings::more: the pool of fullnat. Weir's addresses towards `one`, and ports that leave
// enough of the host's own for its programs.
inline constexpr auto kSnat =
    "snat: {addresses: [192.0.2.1, \"2001:db8:2::1\"], ports: 20000-29999}\n";

// What one run of iperf3 said.
struct Bulk {
    double bytes = 0;  // that arrived
    double seconds = 0;
    std::string error;  // empty: none
};

// iperf3 from `client` to a service at `to`, whose backend is a server on `host` at `port`. More
// options: "-n 1M", "-R".
Bulk iperf3(const Netns &client, const Endpoint &to, const Netns &host, std::uint16_t port,
            const std::string &options);

// The same in the background, until it is stopped.
class Iperf {
  public:
    Iperf(const Netns &client, const Endpoint &to, const Netns &host, std::uint16_t port,
          const std::vector<std::string> &options);
    // What it said by then. An end before this is an error.
    Bulk stop();

  private:
    Process server_;
    std::unique_ptr<Process> client_;
};

// nginx on a host, port 8080 of both families, that serves a folder's files until it goes.
class WebServer {
  public:
    // `cgroup`: a folder of cgroup v2 that it joins.
    WebServer(const Netns &host, const TempDir &folder, const std::string &name,
              const std::string &cgroup = "");

  private:
    std::unique_ptr<Process> nginx_;
};

// What one run of wrk said.
struct Requests {
    double done = 0;
    std::string failures;  // empty: none
};

// wrk at work in the background. More options: {"-d", "5s", "-c", "8"}.
class Wrk {
  public:
    Wrk(const Netns &client, const std::string &url, const std::vector<std::string> &options);
    bool running() { return process_.running(); }
    // Ends it before its time.
    void stop() const { process_.kill(SIGINT); }
    // Waits for its end.
    Requests wait();

  private:
    Process process_;
};

// A test in which both backends' hosts echo at the port of `web`.
class EchoTest : public WeirTest {
  protected:
    using WeirTest::WeirTest;
    void SetUp() override;
    void end_server_one() { one_.reset(); }
    void start_server_one();

  private:
    std::unique_ptr<EchoServer> one_, two_;
};

// The folders of tables that the instance `default` has pinned.
std::vector<std::string> generations();

// Connections of a host that ended with a reset, or whose opening was refused, since it is there.
int resets(const Netns &host);

// The hardware address of an interface.
MacAddress mac_of(const Netns &netns, const std::string &name);

// The path MTU that a host has learnt towards an address; 0: none.
int learnt_mtu(const Netns &netns, const Address &to);

}  // namespace weir::test
