// How start, reload and memory grow with the configuration. A reload weighs a backend of the first
// service, which makes a new ring of it, and adds a UDP service, which comes after; its time is
// that from SIGHUP to the first answer that a client gets.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "lb/dataplane/fd.h"
#include "tests/benchmarks/bench.h"
#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Size {
    int services;
    int backends;  // of each
};

constexpr std::array<Size, 6> kSizes{
    {{1, 1}, {1, 100}, {1, 1000}, {100, 3}, {1000, 3}, {10000, 3}}};
constexpr int kReloads = 5;  // the median of so many is shown
constexpr int kProbePort = 9;

double milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// One VIP; a service is a port of it. The backends' host is there, the servers are not.
std::string configuration(const World &world, const Size &size, bool probe) {
    std::string yaml = "interfaces: [{name: lb0, hook: xdp}, {name: lb1, hook: xdp}]\nservices:\n";
    const auto vip = world.vip_tcp.address.to_string();
    const auto backend = world.at_one.address.to_string();
    for (int service = 0; service < size.services; ++service) {
        yaml += fmt::format(
            "  - name: s{0}\n    vip: {1}\n    port: {2}\n    protocol: tcp\n    backends:\n",
            service, vip, 10000 + service);
        for (int i = 0; i < size.backends; ++i)
            yaml += fmt::format("      - {{address: {}, port: {}, weight: {}}}\n", backend,
                                10000 + (service + i) % 50000,
                                probe && service == 0 && i == 0 ? 101 : 100);
    }
    if (probe)
        yaml += fmt::format(
            "  - {{name: probe, vip: {}, port: {}, protocol: udp, "
            "backends: [{{address: {}, port: {}}}]}}\n",
            vip, kProbePort, backend, world.at_one.port);
    return yaml + "limits: {flows: 65536, new_flows: 16384, services: 10240, backends: 32768}\n" +
           "state_file: /run/weir-state/state.json\n";
}

std::set<std::uint32_t> map_ids() {
    std::set<std::uint32_t> ids;
    std::uint32_t id = 0;
    while (bpf_map_get_next_id(id, &id) == 0)
        ids.insert(id);
    return ids;
}

// What the kernel accounts for maps that are not among `before`, bytes.
double map_bytes(const std::set<std::uint32_t> &before) {
    double bytes = 0;
    for (const std::uint32_t id : map_ids()) {
        if (before.count(id) != 0)
            continue;
        const Fd map(bpf_map_get_fd_by_id(id));
        std::ifstream info(fmt::format("/proc/self/fdinfo/{}", map.get()));
        for (std::string word; info >> word;)
            if (word == "memlock:" && info >> word)
                bytes += std::stod(word);
    }
    return bytes;
}

double resident_bytes(pid_t pid) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string word; status >> word;)
        if (word == "VmRSS:" && status >> word)
            return std::stod(word) * 1024;
    throw std::runtime_error("the daemon has ended");
}

// Datagrams to the probe's service, one every millisecond, until one is answered.
void wait_for_answer(const World &world) {
    Fd socket;
    world.client_host.run(
        [&] { socket = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP)); });
    const timeval patience{0, 1000};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(kProbePort);
    ::inet_pton(AF_INET, world.vip_tcp.address.to_string().c_str(), &to.sin_addr);
    const auto begin = Clock::now();
    std::array<char, 64> answer{};
    do {
        if (milliseconds_since(begin) > 120000)
            throw std::runtime_error("no answer in two minutes");
        ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr *>(&to), sizeof to);
    } while (::recv(socket.get(), answer.data(), answer.size(), 0) <= 0);
}

// From SIGHUP to forwarding, milliseconds; the service is taken out again.
double reload_time(const World &world, const TempDir &folder, const Size &size, Process &daemon) {
    folder.write("weir.yaml", configuration(world, size, true));
    const auto begin = Clock::now();
    daemon.kill(SIGHUP);
    wait_for_answer(world);
    const double taken = milliseconds_since(begin);
    folder.write("weir.yaml", configuration(world, size, false));
    const auto done = run({WEIR_BINARY, "reload"}, {.netns = &world.weir});
    if (done.status != 0)
        throw std::runtime_error(done.err);
    return taken;
}

void measure(const Size &size) {
    const World world(Family::v4);
    const TempDir folder;
    const EchoServer server(world.one, Protocol::udp, world.at_one, "one");
    const auto maps_before = map_ids();
    const auto file = folder.write("weir.yaml", configuration(world, size, false));
    const auto begin = Clock::now();
    Process daemon({WEIR_BINARY, "run", "-c", file}, {.netns = &world.weir});
    if (!daemon.wait_for_err(" ready: ", std::chrono::minutes(5)))
        throw std::runtime_error(daemon.err());
    const double started = milliseconds_since(begin);
    std::multiset<double> reloads;
    for (int i = 0; i < kReloads; ++i)
        reloads.insert(reload_time(world, folder, size, daemon));
    fmt::print("| {:>8} | {:>13} | {:>9.2f} | {:>24.0f} | {:>11.0f} | {:>9.0f} |\n", size.services,
               size.backends, started / 1000, *std::next(reloads.begin(), kReloads / 2),
               resident_bytes(daemon.pid()) / 1048576, map_bytes(maps_before) / 1048576);
    std::fflush(stdout);
    daemon.kill(SIGTERM);
    daemon.wait();
    run({WEIR_BINARY, "detach"}, {.netns = &world.weir});
}

int run_all() {
    if (const auto why = why_no_namespaces(); !why.empty()) {
        fmt::print(stderr, "control_plane: {}\n", why);
        return 3;
    }
    enter_mount_sandbox();
    fmt::print(
        "| services | backends each | start (s) | reload to forwarding (ms) | daemon "
        "(MiB) | maps (MiB) |\n|---|---|---|---|---|---|\n");
    for (const Size &size : kSizes)
        measure(size);
    return 0;
}

}  // namespace
}  // namespace weir::test

int main() {
    return weir::test::run_benchmark("control_plane", weir::test::run_all);
}
