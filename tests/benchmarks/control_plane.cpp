// The control plane: start, reload, changes of one backend, scrapes and memory by services and
// backends. A reload weighs a backend of the first service, which makes a new ring of it, and adds
// a UDP service, which comes after; its time is that from SIGHUP to the first answer that a client
// gets. What is called work is the CPU time of the daemon.
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
#include <ctime>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lb/api/client.h"
#include "lb/dataplane/fd.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/rings.h"
#include "lb/model/maglev.h"
#include "tests/benchmarks/report.h"
#include "tests/e2e/world.h"
#include "tests/support/traffic.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Size {
    int services;
    int backends;  // of each
    std::string to_string() const { return fmt::format("{}x{}", services, backends); }
};

constexpr std::array<Size, 6> kSizes{
    {{1, 1}, {1, 100}, {1, 1000}, {100, 3}, {1000, 3}, {10000, 3}}};
constexpr int kRounds = 3;
constexpr int kChanges = 5;       // of each kind, in a round; their median counts
constexpr double kMostWork = 20;  // ms: a reload that changes one backend of ten thousand services
constexpr int kProbePort = 9;
const char *const kSocket = "/run/weir/weir.sock";

double milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double milliseconds_of(const std::function<void()> &work) {
    const auto begin = Clock::now();
    work();
    return milliseconds_since(begin);
}

// CPU time that a process has had, in ms.
double work_of(pid_t pid) {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
        throw std::runtime_error("the daemon has ended");
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

// What differs from one configuration to the next.
struct Variant {
    bool probe = false;  // there is another service, and a backend of the first has another weight
    int weight = 100;    // of a backend of the service in the middle
};

// One VIP; a service is a port of it. The backends' host is there, the servers are not.
std::string configuration(const World &world, const Size &size, const Variant &variant) {
    std::string yaml = "interfaces: [{name: lb0, hook: xdp}, {name: lb1, hook: xdp}]\nservices:\n";
    const auto vip = world.vip_tcp.address.to_string();
    const auto backend = world.at_one.address.to_string();
    for (int service = 0; service < size.services; ++service) {
        yaml += fmt::format(
            "  - name: s{0}\n    vip: {1}\n    port: {2}\n    protocol: tcp\n    backends:\n",
            service, vip, 10000 + service);
        for (int i = 0; i < size.backends; ++i) {
            const bool weighed = i == 0 && variant.probe && service == 0;
            const bool in_the_middle = i == 0 && service == size.services / 2;
            yaml += fmt::format("      - {{address: {}, port: {}, weight: {}}}\n", backend,
                                10000 + (service + i) % 50000,
                                weighed         ? 101
                                : in_the_middle ? variant.weight
                                                : 100);
        }
    }
    if (variant.probe)
        yaml += fmt::format(
            "  - {{name: probe, vip: {}, port: {}, protocol: udp, "
            "backends: [{{address: {}, port: {}}}]}}\n",
            vip, kProbePort, backend, world.at_one.port);
    return yaml +
           "limits: {flows: 65536, new_flows: 16384, services: 10240, backends: 32768}\n"
           "metrics: {listen: 127.0.0.1:9470}\n"
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

// A daemon of some size, and what was measured of it.
struct Figures {
    double start = 0;   // to ready, ms
    double packet = 0;  // to the first packet, ms
    double reload = 0;  // to forwarding, ms
    double change = 0;  // a reload that weighs one backend: to its answer, ms
    double change_work = 0;
    double weigh = 0;  // the same through the API
    double weigh_work = 0;
    double scrape = 0;
    double scrape_work = 0;
    double resident = 0;  // bytes
    double maps = 0;
};

class Daemon {
  public:
    Daemon(const World &world, Size size) : world_(world), size_(size) {
        const auto maps_before = map_ids();
        write({.probe = true});
        const auto begin = Clock::now();
        process_.emplace(std::vector<std::string>{WEIR_BINARY, "run", "-c", file_},
                         ProcessOptions{.netns = &world_.weir});
        wait_for_answer(world_);
        figures_.packet = milliseconds_since(begin);
        if (!process_->wait_for_err(" ready: ", std::chrono::minutes(5)))
            throw std::runtime_error(process_->err());
        figures_.start = milliseconds_since(begin);
        figures_.maps = map_bytes(maps_before);
        write({});
        reload();
    }
    ~Daemon() {
        process_->kill(SIGTERM);
        process_->wait();
        run({WEIR_BINARY, "detach"}, {.netns = &world_.weir});
    }
    Daemon(const Daemon &) = delete;
    Daemon &operator=(const Daemon &) = delete;
    Daemon(Daemon &&) = delete;
    Daemon &operator=(Daemon &&) = delete;

    Figures measure() {
        measure_reload();
        const auto change =
            both([&](int) { reload(); }, [&](int i) { write({.weight = 200 + i}); });
        std::tie(figures_.change, figures_.change_work) = change;
        const auto path =
            fmt::format("/v1/services/s{}/backends/{}:{}", size_.services / 2,
                        world_.at_one.address.to_string(), 10000 + (size_.services / 2) % 50000);
        std::tie(figures_.weigh, figures_.weigh_work) = both([&](int i) {
            value_of(api_call(kSocket, {"PATCH", path, Json{{"weight", 300 + i}}}));
        });
        std::tie(figures_.scrape, figures_.scrape_work) = both([&](int) {
            const auto seen =
                run({"curl", "-sS", "-o", "/dev/null", "http://127.0.0.1:9470/metrics"},
                    {.netns = &world_.weir});
            if (seen.status != 0)
                throw std::runtime_error(seen.err);
        });
        figures_.resident = resident_bytes(process_->pid());
        return figures_;
    }

  private:
    void write(const Variant &variant) {
        file_ = folder_.write("weir.yaml", configuration(world_, size_, variant));
    }
    void reload() { value_of(api_call(kSocket, {"POST", "/v1/reload"})); }

    // Time and work of a change, in ms: the median of some. `prepare` is not measured.
    std::pair<double, double> both(const std::function<void(int)> &change,
                                   const std::function<void(int)> &prepare = {}) {
        std::vector<double> times;
        std::vector<double> works;
        for (int i = 0; i < kChanges; i++) {
            if (prepare)
                prepare(i);
            const double before = work_of(process_->pid());
            times.push_back(milliseconds_of([&] { change(i); }));
            works.push_back(work_of(process_->pid()) - before);
        }
        return {median(times), median(works)};
    }

    // From SIGHUP to forwarding; the service is taken out again.
    void measure_reload() {
        std::vector<double> times;
        for (int i = 0; i < kChanges; i++) {
            write({.probe = true});
            times.push_back(milliseconds_of([&] {
                process_->kill(SIGHUP);
                wait_for_answer(world_);
            }));
            write({});
            reload();
        }
        figures_.reload = median(times);
    }

    const World &world_;
    Size size_;
    TempDir folder_;
    std::string file_;
    std::optional<Process> process_;
    Figures figures_;
};

Figures measure_size(const Size &size) {
    const World world(Family::v4);
    const EchoServer server(world.one, Protocol::udp, world.at_one, "one");
    return Daemon(world, size).measure();
}

// What a start cannot do without: its tables, and the kernel's look at its programs.
double load_programs() {
    return milliseconds_of([] {
        auto objects = value_of(Objects::load(
            {{.flows = 65536, .new_flows = 16384, .services = 10240, .backends = 32768},
             std::nullopt,
             std::nullopt}));
        value_of(objects.xdp_ingress());
    });
}

struct Row {
    const char *name;
    const char *unit;
    double Figures::*value;
    double scale;
};
constexpr std::array<Row, 7> kRows{{{"start", "s", &Figures::start, 1e-3},
                                    {"reload/services", "ms", &Figures::reload, 1},
                                    {"reload/one-backend", "ms", &Figures::change, 1},
                                    {"weigh/one-backend", "ms", &Figures::weigh, 1},
                                    {"scrape", "ms", &Figures::scrape, 1},
                                    {"memory/daemon", "MiB", &Figures::resident, 1.0 / 1048576},
                                    {"memory/maps", "MiB", &Figures::maps, 1.0 / 1048576}}};
// Of the largest size, beside what it may be.
constexpr std::array<Row, 3> kWork{
    {{"reload/one-backend-work", "ms of work", &Figures::change_work, 1},
     {"weigh/one-backend-work", "ms of work", &Figures::weigh_work, 1},
     {"scrape/work", "ms of work", &Figures::scrape_work, 1}}};

std::vector<double> column(const std::vector<Figures> &all, const Row &row) {
    std::vector<double> values;
    values.reserve(all.size());
    for (const Figures &one : all)
        values.push_back(one.*row.value * row.scale);
    return values;
}

void measure_daemons(Report &report) {
    std::array<std::vector<Figures>, kSizes.size()> figures;
    std::vector<double> loads;
    for (int round = 0; round < kRounds; round++) {
        loads.push_back(load_programs());
        for (std::size_t i = 0; i < kSizes.size(); i++)
            figures.at(i).push_back(measure_size(kSizes.at(i)));
    }
    const auto &least = figures.front();
    report.begin("A daemon by services x backends of each");
    report.add(compare("start/first-packet", "ms", "loading its programs", loads,
                       column(least, {"", "", &Figures::packet, 1})));
    for (const Row &row : kRows)
        for (std::size_t i = 0; i < kSizes.size(); i++)
            report.add(compare(fmt::format("{}/{}", row.name, kSizes.at(i).to_string()), row.unit,
                               i == 0 ? "itself" : kSizes[0].to_string(), column(least, row),
                               column(figures.at(i), row)));
    const auto &most = figures.back();
    for (const Row &row : kWork)
        report.add(
            compare(fmt::format("{}/{}", row.name, kSizes.back().to_string()), row.unit,
                    fmt::format("{} ms", kMostWork), std::vector<double>(most.size(), kMostWork),
                    column(most, row),
                    row.value == &Figures::scrape_work ? std::nullopt : std::optional(at_most(1))));
}

void measure_ring(Report &report) {
    constexpr std::uint32_t kSlots = 65537;
    std::vector<BackendRow> backends;
    for (std::uint32_t id = 0; id < 1000; id++)
        backends.push_back({id,
                            {Address::v4(10, 0, static_cast<std::uint8_t>(id >> 8U),
                                         static_cast<std::uint8_t>(id)),
                             80},
                            100,
                            100});
    auto objects = value_of(Objects::load({Limits{}, std::nullopt, std::nullopt}));
    std::vector<double> writes;
    std::vector<double> builds;
    for (int round = 0; round < 10 * kRounds; round++) {
        std::vector<std::uint32_t> ring;
        builds.push_back(milliseconds_of([&] { ring = build_maglev_ring(backends, kSlots); }));
        writes.push_back(milliseconds_of([&] {
            value_of(write_rings(objects.tables().maps().rings, {{0, ring}}));
        }));
    }
    report.begin("A Maglev ring of 1000 backends and 65537 slots");
    report.add(compare("maglev/1000", "ms", "writing it to the kernel", writes, builds));
}

void measure(Report &report) {
    enter_mount_sandbox();
    measure_ring(report);
    measure_daemons(report);
}

}  // namespace
}  // namespace weir::test

int main(int argc, char **argv) {
    if (const auto why = weir::test::why_no_namespaces(); !why.empty()) {
        fmt::print(stderr, "control_plane: {}\n", why);
        return 3;
    }
    return weir::test::run_benchmark(argc, argv, weir::test::measure);
}
