// What it costs to be watched: packets forwarded while Prometheus scrapes every second and `weir
// monitor` runs, beside the same without either, in turns of one run.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/benchmarks/report.h"
#include "tests/e2e/world.h"
#include "tests/support/temp.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 7;
constexpr auto kRound = 2s;
constexpr int kPacketsOfFlow = 1000;
constexpr int kBatch = 50;  // packets with each system call

// Datagrams of one flow, as fast as the host sends them.
void send_flow(const Endpoint &to) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(to.port);
    address.sin_addr.s_addr = to.address.v4_network_order();
    if (!socket ||
        ::connect(socket.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
        throw std::runtime_error("cannot connect a UDP socket");
    std::array<char, 18> payload{};
    iovec part{payload.data(), payload.size()};
    std::array<mmsghdr, std::size_t{kBatch}> messages{};
    for (mmsghdr &one : messages) {
        one.msg_hdr.msg_iov = &part;
        one.msg_hdr.msg_iovlen = 1;
    }
    for (int sent = 0; sent < kPacketsOfFlow; sent += kBatch)
        ::sendmmsg(socket.get(), messages.data(), kBatch, 0);
}

double forwarded(const World &world) {
    const auto text = run({"curl", "-sS", "http://127.0.0.1:9470/metrics"}, {.netns = &world.weir});
    const std::string name = "weir_service_packets_total{service=\"dns\",direction=\"forward\"} ";
    const auto at = text.out.find(name);
    if (at == std::string::npos)
        throw std::runtime_error("no metrics: " + text.err);
    return std::stod(text.out.substr(at + name.size()));
}

// A scrape every second, and somebody who watches all events.
class Watchers {
  public:
    explicit Watchers(const World &world)
        : monitor_({"sh", "-c", fmt::format("exec {} monitor --json >/dev/null", WEIR_BINARY)},
                   {.netns = &world.weir}),
          scraper_({"sh", "-c",
                    "while :; do curl -sS -o /dev/null http://127.0.0.1:9470/metrics; sleep 1; "
                    "done"},
                   {.netns = &world.weir}) {
        if (!monitor_.wait_for_err("watching"))
            throw std::runtime_error("weir monitor: " + monitor_.err());
    }

  private:
    Process monitor_, scraper_;
};

// Packets per second.
double round(const World &world, bool watched) {
    std::unique_ptr<Watchers> watchers;
    if (watched)
        watchers = std::make_unique<Watchers>(world);
    const double before = forwarded(world);
    const auto begin = Clock::now();
    world.client_host.run([&] {
        while (Clock::now() - begin < kRound)
            send_flow(world.vip_udp);
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    return (forwarded(world) - before) / seconds;
}

void measure_hook(const char *hook, Report &report) {
    const World world(Family::v4);
    const TempDir folder;
    const auto config = folder.write("weir.yaml", Settings{.hook = hook}.text());
    // it takes what comes, and says nothing
    const Client sink_one(world.one, Protocol::udp, {world.client, 9}, world.at_one.port);
    const Client sink_two(world.two, Protocol::udp, {world.client, 9}, world.at_two.port);
    Process daemon({WEIR_BINARY, "run", "-c", config}, {.netns = &world.weir});
    if (!daemon.wait_for_err("ready"))
        throw std::runtime_error(daemon.err());
    std::vector<double> plain;
    std::vector<double> watched;
    round(world, false);
    for (int i = 0; i < kRounds; i++) {
        plain.push_back(round(world, false));
        watched.push_back(round(world, true));
    }
    report.add(
        compare(fmt::format("observe/{}/unwatched", hook), "packets/s", "itself", plain, plain));
    report.add(compare(fmt::format("observe/{}/scraped-and-monitored", hook), "packets/s",
                       "unwatched", plain, watched));
    daemon.kill(SIGTERM);
    daemon.wait();
    run({WEIR_BINARY, "detach"}, {.netns = &world.weir});
}

void measure(Report &report) {
    report.begin(fmt::format(
        "Packets forwarded, watched or not, rounds of {} s; datagrams of 60 bytes, a new flow "
        "every {} packets",
        kRound.count(), kPacketsOfFlow));
    for (const char *hook : {"xdp", "tc"})
        measure_hook(hook, report);
}

}  // namespace
}  // namespace weir::test

int main(int argc, char **argv) {
    return weir::test::run_benchmark(argc, argv, weir::test::measure);
}
