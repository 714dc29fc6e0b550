// A million flows: what their entries take, how long it takes to list and to count them as the
// daemon does, beside looking at each entry and no more, and what that costs the data path:
// established packets forwarded by BPF_PROG_TEST_RUN, a call for each, while another thread lists
// or counts.
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "lb/api/flow_count.h"
#include "lb/api/flow_query.h"
#include "tests/benchmarks/report.h"
#include "tests/support/program.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kFlows = 1000000;
constexpr std::uint32_t kFrames = 10000;
constexpr int kRounds = 5;                               // of each
constexpr double kMostBytes = 256.0 * 1048576 / kFlows;  // of a flow
constexpr std::chrono::milliseconds kRound{1000};

// Room for a million, and a little for the lists of free entries that each CPU keeps.
const char *const kConfig =
    "services:\n"
    "  - {name: dns, vip: 192.0.2.10, port: 53, protocol: udp, "
    "backends: [{address: 198.51.100.6, port: 53}]}\n"
    "limits: {flows: 1010000, new_flows: 65536}\n";

const Endpoint kVip = *Endpoint::parse("192.0.2.10:53");
const Endpoint kBackend = *Endpoint::parse("198.51.100.6:53");

Endpoint client_of(std::uint32_t number) {
    return {Address::v4(10, static_cast<std::uint8_t>(number >> 16U),
                        static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)),
            4000};
}

Bytes datagram(const Endpoint &from, const Endpoint &to) {
    Segment segment;
    segment.protocol = Protocol::udp;
    segment.source = from;
    segment.destination = to;
    return build(segment);
}

// Opens all of them with real packets: a query, and the answer that establishes it.
void open_flows(DataPath &path) {
    for (std::uint32_t i = 0; i < kFlows; i++) {
        path.run(Entry::tc_ingress, datagram(client_of(i), kVip));
        path.run(Entry::tc_ingress, datagram(kBackend, client_of(i)));
    }
}

// Frames of flows that lie all over the table.
std::vector<Bytes> some_frames() {
    std::vector<Bytes> frames;
    for (std::uint32_t i = 0; i < kFlows; i += kFlows / kFrames)
        frames.push_back(datagram(client_of(i), kVip));
    return frames;
}

// Packets per second, one frame after the other.
double forward(DataPath &path, const std::vector<Bytes> &frames) {
    const auto begin = Clock::now();
    std::uint64_t packets = 0;
    for (; Clock::now() - begin < kRound; packets++)
        if (path.run(Entry::tc_ingress, frames[packets % frames.size()]).verdict !=
            Verdict::forward)
            throw std::runtime_error("a packet was not forwarded");
    return static_cast<double>(packets) /
           std::chrono::duration<double>(Clock::now() - begin).count();
}

// The tables, asked as the daemon asks them.
class Lister {
  public:
    explicit Lister(const Tables &tables)
        : walk_([tables](const auto &from, const auto &go_on, const auto &visit) {
              return tables.for_each_flow(from, go_on, visit);
          }) {}

    // Every flow, page by page.
    void list(const GoOn &go_on) const {
        constexpr std::string_view kNext = R"("next":")";
        Query page{{"page", "start"}};
        std::uint64_t seen = 0;
        while (go_on()) {
            const auto query = value_of(parse_flow_query(page, {}));
            const auto text = value_of(flows_document(walk_, query, names_, go_on));
            seen += entries(text);
            const auto next = text.rfind(kNext);
            if (next == std::string::npos)
                break;
            const auto begin = next + kNext.size();
            page["page"] = text.substr(begin, text.find('"', begin) - begin);
        }
        if (go_on() && seen != kFlows)
            throw std::runtime_error(fmt::format("{} flows were listed", seen));
    }
    void count(const GoOn &go_on) const {
        const FlowCountQuery query{.by = FlowField::client};
        value_of(count_document(walk_, query, names_, go_on));
    }

  private:
    static std::uint64_t entries(const std::string &document) {
        std::uint64_t count = 0;
        for (auto at = document.find("{\"service\""); at != std::string::npos;
             at = document.find("{\"service\"", at + 1))
            count++;
        return count;
    }

    FlowWalk walk_;
    ServiceNames names_{Inventory{}};
};

// Does something over and over beside, wherever there is a CPU, as the daemon's thread for it.
class Beside {
  public:
    explicit Beside(std::function<void(const GoOn &)> work)
        : thread_([this, work = std::move(work)] {
              cpu_set_t all;
              std::memset(&all, 0xff, sizeof all);
              ::sched_setaffinity(0, sizeof all, &all);
              static_cast<void>(::nice(5));
              while (!stop_)
                  work([this] { return !stop_; });
          }) {}
    ~Beside() {
        stop_ = true;
        thread_.join();
    }
    Beside(const Beside &) = delete;
    Beside &operator=(const Beside &) = delete;
    Beside(Beside &&) = delete;
    Beside &operator=(Beside &&) = delete;

  private:
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

double seconds_of(const std::function<void()> &work) {
    const auto begin = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

// What the kernel accounts for a map, bytes.
double bytes_of(const Fd &map) {
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", map.get()));
    for (std::string word; info >> word;)
        if (word == "memlock:" && info >> word)
            return std::stod(word);
    throw std::runtime_error("a map's memory is not told");
}

void measure_memory(DataPath &path, Report &report) {
    report.begin("Map memory of a flow, its two entries and their share of the buckets");
    for (const auto *name : {"flows_v4", "flows_v6"}) {
        const double each = bytes_of(path.map(name)) / kFlows;
        report.add(compare(fmt::format("flows/bytes/{}", name), "bytes",
                           "256 MiB / a million flows", {kMostBytes}, {each}, at_most(1)));
    }
}

void measure_walks(DataPath &path, const Lister &lister, Report &report) {
    std::vector<double> walk;
    std::vector<double> list;
    std::vector<double> count;
    const auto on = [] { return true; };
    for (int round = 0; round < kRounds; round++) {
        walk.push_back(seconds_of([&] {
            std::uint64_t seen = 0;
            value_of(path.tables().for_each_flow({}, on, [&](const Flow &) { seen++; }));
            if (seen != kFlows)
                throw std::runtime_error(fmt::format("{} flows were seen", seen));
        }));
        list.push_back(seconds_of([&] { lister.list(on); }));
        count.push_back(seconds_of([&] { lister.count(on); }));
    }
    const std::string baseline = "looking at each entry";
    report.begin("A million flows, one after the other");
    report.add(compare("flows/look-1000000", "s", "itself", walk, walk));
    report.add(compare("flows/list-1000000", "s", baseline, walk, list));
    report.add(compare("flows/count-1000000", "s", baseline, walk, count));
}

void measure_forwarding(DataPath &path, const Lister &lister, Report &report) {
    const auto frames = some_frames();
    std::vector<double> alone;
    std::vector<double> listing;
    std::vector<double> counting;
    for (int round = 0; round < kRounds; round++) {
        alone.push_back(forward(path, frames));
        {
            const Beside beside([&](const GoOn &go_on) { lister.list(go_on); });
            listing.push_back(forward(path, frames));
        }
        const Beside beside([&](const GoOn &go_on) { lister.count(go_on); });
        counting.push_back(forward(path, frames));
    }
    const std::string baseline = "nobody asks";
    report.begin("Packets forwarded meanwhile");
    report.add(compare("flows/forward", "packets/s", "itself", alone, alone));
    report.add(compare("flows/forward-listed", "packets/s", baseline, alone, listing));
    report.add(compare("flows/forward-counted", "packets/s", baseline, alone, counting));
}

void measure(Report &report) {
    DataPath path(kConfig);
    measure_memory(path, report);
    open_flows(path);
    const Lister lister(path.tables());
    measure_walks(path, lister, report);
    measure_forwarding(path, lister, report);
}

}  // namespace
}  // namespace weir::test

int main(int argc, char **argv) {
    if (const auto why = weir::test::why_not_runnable(); !why.empty()) {
        fmt::print(stderr, "flows: {}\n", why);
        return 3;
    }
    return weir::test::run_benchmark(argc, argv, weir::test::measure);
}
