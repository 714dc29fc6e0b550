// What it gives two programs of one host to be joined: throughput and latency, beside plain TCP
// over loopback, the socket path alone and a Unix socket, in turns of one run; and 10 GiB of which
// every byte is looked at.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/benchmarks/report.h"
#include "tests/support/cgroup.h"
#include "tests/support/netns.h"
#include "tests/support/process.h"
#include "tests/support/temp.h"

namespace weir::test {
namespace {

constexpr int kRounds = 7;
constexpr std::uint64_t kMiB = 1 << 20;
constexpr auto kVip = "203.0.113.10:7000";
constexpr auto kServer = "192.0.2.1:7001";
constexpr auto kLongest = std::chrono::minutes(10);

using Keys = std::vector<std::string>;

// How two programs meet. A server outside the cgroup is never joined.
struct Way {
    const char *name;
    const char *listens;
    const char *connects;
    bool client_inside, server_inside;
};
constexpr std::array<Way, 4> kWays{{{"tcp", kServer, kServer, false, false},
                                    {"path", kServer, kVip, true, false},
                                    {"joined", kServer, kVip, true, true},
                                    {"unix", "unix", "unix", false, false}}};

// A host with a Weir that joins.
class Host {
  public:
    Host() {
        host_.command("ip addr add 192.0.2.1/32 dev lo");
        const auto file = folder_.write(
            "weir.yaml",
            fmt::format("interfaces: []\nservices:\n  - {{name: local, vip: 203.0.113.10, port: "
                        "7000, protocol: tcp, backends: [{{address: 192.0.2.1, port: 7001}}]}}\n"
                        "sockets: {{cgroup: {}, join: true}}\napi: {{socket: {}/api}}\n"
                        "state_file: {}/state.json\nmetrics: {{listen: 127.0.0.1:9470}}\n",
                        cgroup_.name(), folder_.path().string(), folder_.path().string()));
        daemon_ =
            std::make_unique<Process>(std::vector<std::string>{WEIR_BINARY, "run", "-c", file},
                                      ProcessOptions{.netns = &host_});
        if (!daemon_->wait_for_err("ready"))
            throw std::runtime_error(daemon_->err());
    }
    ~Host() {
        daemon_->kill(SIGTERM);
        daemon_->wait();
        run({WEIR_BINARY, "detach"}, {.netns = &host_});
    }
    Host(const Host &) = delete;
    Host &operator=(const Host &) = delete;
    Host(Host &&) = delete;
    Host &operator=(Host &&) = delete;

    // Seconds.
    double time(const Way &way, const char *kind, std::uint64_t bytes, const Keys &keys) const {
        Process server(stream("listen", way.listens, kind, bytes, keys), where(way.server_inside));
        if (!server.wait_for_err("listening"))
            throw std::runtime_error(server.out());
        Process client(stream("connect", way.connects, kind, bytes, keys),
                       where(way.client_inside));
        const auto done = client.wait(kLongest);
        const auto served = server.wait(kLongest);
        const auto at = done.out.find("seconds=");
        if (done.status != 0 || served.status != 0 || at == std::string::npos)
            throw std::runtime_error(
                fmt::format("{}, {}: {}{}", way.name, kind, done.out, served.out));
        return std::stod(done.out.substr(at + std::string("seconds=").size()));
    }

    double metric(const std::string &name) const {
        const auto text =
            run({"curl", "-sS", "http://127.0.0.1:9470/metrics"}, {.netns = &host_}).out;
        const auto at = text.find("\n" + name + " ");
        return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size() + 2));
    }

  private:
    ProcessOptions where(bool inside) const {
        return {.netns = &host_, .cgroup = inside ? cgroup_.path() : ""};
    }
    std::vector<std::string> stream(const char *role, const std::string &place, const char *kind,
                                    std::uint64_t bytes, const Keys &keys) const {
        std::vector<std::string> words{
            WEIR_SOCKET_STREAM, role,
            place == "unix" ? (folder_.path() / "stream").string() : place, kind,
            std::to_string(bytes)};
        words.insert(words.end(), keys.begin(), keys.end());
        return words;
    }

    TempDir folder_;
    TestCgroup cgroup_;
    Netns host_;
    std::unique_ptr<Process> daemon_;
};

// One kind of traffic, all ways in turns. `value` makes it of the seconds of a run.
void measure(Report &report, const std::string &name, const std::string &unit,
             const std::function<double(const Way &)> &value) {
    std::map<std::string, std::vector<double>> of;
    for (const Way &way : kWays)
        value(way);
    for (int round = 0; round < kRounds; round++)
        for (const Way &way : kWays)
            of[way.name].push_back(value(way));
    report.add(
        compare("joined/" + name + "/tcp", unit, "TCP over loopback", of["tcp"], of["joined"]));
    report.add(compare("joined/" + name + "/unix", unit, "Unix socket", of["unix"], of["joined"]));
    report.add(compare("joined/" + name + "/path", unit, "socket path, not joined", of["path"],
                       of["joined"]));
    report.add(compare("path/" + name + "/tcp", unit, "TCP over loopback", of["tcp"], of["path"]));
}

void measure_throughput(Report &report, const Host &host, const std::string &size,
                        std::uint64_t bytes, const Keys &keys) {
    measure(report, "throughput/" + size, "MB/s", [&](const Way &way) {
        constexpr double kMega = 1e6;
        return static_cast<double>(bytes) / kMega / host.time(way, "ask", bytes, keys);
    });
}

// Ten gibibytes as requests and answers, every byte looked at.
void measure_whole(Report &report, const Host &host) {
    constexpr std::uint64_t kEachWay = 5120 * kMiB;
    const Keys keys{"write=16384"};
    const auto given = [&](const char *way) {
        return host.metric(
            fmt::format("weir_socket_joined_bytes_total{{service=\"local\",way=\"{}\"}}", way));
    };
    const double before = given("socket"), tcp_before = given("tcp");
    const double tcp = host.time(kWays[0], "echo", kEachWay, keys);
    const double joined = host.time(kWays[2], "echo", kEachWay, keys);
    const double by_socket = given("socket") - before, by_tcp = given("tcp") - tcp_before;
    auto row = compare("joined/10GiB/time", "s", "the same by TCP over loopback", {tcp}, {joined});
    row.note = fmt::format("every byte as it was sent; {:.2f} % from socket to socket",
                           100 * by_socket / (by_socket + by_tcp));
    report.add(row);
}

void measure_all(Report &report) {
    enter_mount_sandbox();
    const Host host;
    report.begin(fmt::format("two programs of one host, {} rounds of each way in turns", kRounds));
    measure_throughput(report, host, "64KiB", 1024 * kMiB, {"check=0"});
    measure_throughput(report, host, "1KiB", 64 * kMiB, {"check=0", "write=1024"});
    measure(report, "latency/1B", "ns", [&](const Way &way) {
        constexpr std::uint64_t kTimes = 20000;
        constexpr double kNano = 1e9;
        return kNano * host.time(way, "ping", kTimes, {}) / static_cast<double>(kTimes);
    });
    measure_whole(report, host);
}

}  // namespace
}  // namespace weir::test

int main(int argc, char **argv) {
    return weir::test::run_benchmark(argc, argv, weir::test::measure_all);
}
