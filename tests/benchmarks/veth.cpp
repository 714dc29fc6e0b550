// Packets per second from one veth to another through Weir's host, 64-byte UDP of established
// flows. A program on the client's host makes frames without an skb, another one on the backend's
// host counts and drops them; between them stands Weir, or a program that only redirects, or
// nftables DNAT, or the kernel's routing. All of a packet's way, its making included, is on one
// CPU.
#include <fmt/format.h>
#include <sched.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/benchmarks/live_frames.h"
#include "tests/benchmarks/report.h"
#include "tests/benchmarks/weir_daemon.h"
#include "tests/e2e/world.h"
#include "tests/support/program.h"

namespace weir::test {
namespace {

constexpr int kRounds = 25;
constexpr std::uint32_t kRound = 131072;  // frames
constexpr std::uint16_t kFirstPort = 10000;

enum class Way { nothing, xdp_redirect, tc_redirect, weir_xdp, weir_tc, nftables, kernel };

Bytes datagram(const Endpoint &from, const Endpoint &to, const MacAddress &hop) {
    Segment segment;
    segment.protocol = Protocol::udp;
    segment.source = from;
    segment.destination = to;
    segment.destination_mac = hop;
    segment.payload.resize(kFrame - 42);  // 14 Ethernet, 20 IP, 8 UDP
    return build(segment);
}

// Hosts of its own for each way, so that turns follow each other without any change.
class Site {
  public:
    explicit Site(Way way) : way_(way) {
        // a veth tells its peer that it takes frames from XDP when GRO is switched on while it is
        // up
        for (const auto *state : {"off", "on"})
            for (const auto *link : {"lb0 gro ", "lb1 gro "})
                world_.weir.command(fmt::format("ethtool -K {}{}", link, state));
        // neighbours that are known
        world_.weir.command("ping -c 1 -W 2 " + world_.client.to_string());
        world_.weir.command("ping -c 1 -W 2 " + world_.at_one.address.to_string());
        set_up();
        if (translates())
            establish();
    }

    void measure() {
        const auto before = backend_.arrived();
        const double seconds = requests_.send(kRound);
        const auto arrived = static_cast<double>(backend_.arrived() - before);
        rates_.push_back(arrived / seconds);
        shares_.push_back(arrived / kRound);
    }
    const std::vector<double> &rates() const { return rates_; }
    // What a round lost on its way, per cent.
    double lost() const { return 100 * (1 - median(shares_)); }

  private:
    bool translates() const {
        return way_ == Way::weir_xdp || way_ == Way::weir_tc || way_ == Way::nftables;
    }
    void set_up();
    void redirect(Redirector::Hook hook) {
        redirector_.emplace(hook, world_.weir, "lb0", "lb1", mac_of(world_.one, "eth0"));
    }
    void run_weir(const std::string &hook);
    void translate_by_nftables() const;
    void establish();
    std::vector<Bytes> requests() const;
    std::vector<Bytes> replies() const;

    Way way_;
    World world_{Family::v4};
    Sender requests_{world_.client_host, requests()};
    Sender replies_{world_.one, replies()};
    Receiver client_{world_.client_host, "eth0", {world_.client, 0}};
    Receiver backend_{way_ == Way::nothing ? world_.weir : world_.one,
                      way_ == Way::nothing ? "lb0" : "eth0", world_.at_one};
    std::optional<Redirector> redirector_;
    std::optional<WeirDaemon> daemon_;
    std::vector<double> rates_, shares_;
};

void Site::set_up() {
    switch (way_) {
        case Way::xdp_redirect:
            return redirect(Redirector::Hook::xdp);
        case Way::tc_redirect:
            return redirect(Redirector::Hook::tc);
        case Way::weir_xdp:
            return run_weir("xdp");
        case Way::weir_tc:
            return run_weir("tc");
        case Way::nftables:
            return translate_by_nftables();
        case Way::kernel:
        case Way::nothing:  // what arrives at Weir's host is counted there
            return;
    }
}

void Site::run_weir(const std::string &hook) {
    daemon_.emplace(
        world_.weir, "veth-" + hook,
        fmt::format("interfaces: [{{name: lb0, hook: {0}}}, {{name: lb1, hook: {0}}}]\n"
                    "services: [{{name: dns, vip: {1}, port: {2}, protocol: udp, "
                    "backends: [{{address: {3}, port: {4}}}]}}]\n"
                    "limits: {{flows: 65536, new_flows: 16384}}\ntimeouts: {{udp: 1h}}\n",
                    hook, world_.vip_udp.address.to_string(), world_.vip_udp.port,
                    world_.at_one.address.to_string(), world_.at_one.port));
}

void Site::translate_by_nftables() const {
    nftables(world_.weir, fmt::format("table ip nat {{\n  chain in {{\n"
                                      "    type nat hook prerouting priority dstnat;\n"
                                      "    ip daddr {} udp dport {} dnat to {}\n  }}\n}}\n",
                                      world_.vip_udp.address.to_string(), world_.vip_udp.port,
                                      world_.at_one.to_string()));
}

// Every flow is opened, answered, and used once more.
void Site::establish() {
    requests_.send(kFlows);
    replies_.send(kFlows);
    requests_.send(kFlows);
    constexpr std::uint64_t kRequests = 2ULL * kFlows;
    const auto all_arrived = [this] {
        return backend_.arrived() == kRequests && client_.arrived() == kFlows;
    };
    if (!eventually(all_arrived, std::chrono::seconds(2)))
        throw std::runtime_error(fmt::format("of {} requests {} arrived, of {} replies {}",
                                             kRequests, backend_.arrived(), kFlows,
                                             client_.arrived()));
}

std::vector<Bytes> Site::requests() const {
    const auto hop = mac_of(world_.weir, "lb0");
    std::vector<Bytes> all;
    for (std::uint32_t i = 0; i < kFlows; i++)
        all.push_back(datagram({world_.client, static_cast<std::uint16_t>(kFirstPort + i)},
                               translates() ? world_.vip_udp : world_.at_one, hop));
    return all;
}

std::vector<Bytes> Site::replies() const {
    const auto hop = mac_of(world_.weir, "lb1");
    std::vector<Bytes> all;
    for (std::uint32_t i = 0; i < kFlows; i++)
        all.push_back(datagram(world_.at_one,
                               {world_.client, static_cast<std::uint16_t>(kFirstPort + i)}, hop));
    return all;
}

struct Row {
    const char *name;
    Way way, baseline;
    const char *what;
    std::optional<Goal> goal;
};

const std::vector<Row> kRows{
    {"veth/xdp/redirect-only", Way::weir_xdp, Way::xdp_redirect, "XDP_REDIRECT alone",
     at_least(0.80)},
    {"veth/xdp/nftables", Way::weir_xdp, Way::nftables, "nftables DNAT", at_least(3)},
    {"veth/xdp/kernel", Way::weir_xdp, Way::kernel, "kernel routing", std::nullopt},
    {"veth/tc/redirect-only", Way::weir_tc, Way::tc_redirect, "TC redirect alone", at_least(0.80)},
    {"veth/tc/nftables", Way::weir_tc, Way::nftables, "nftables DNAT", std::nullopt},
    {"veth/tc/kernel", Way::weir_tc, Way::kernel, "kernel routing", std::nullopt},
};

// The time that a packet takes from its arrival at Weir's host on: without that of its making.
std::vector<double> own_times(const Site &site, const Site &nothing) {
    std::vector<double> times;
    for (std::size_t round = 0; round < site.rates().size(); round++)
        times.push_back(1e9 / site.rates()[round] - 1e9 / nothing.rates()[round]);
    return times;
}

// Over other programs on this CPU, as far as the host allows it: for this thread and its children.
void take_precedence() {
    const sched_param lowest_of_the_highest{.sched_priority = 1};
    static_cast<void>(::sched_setscheduler(0, SCHED_FIFO, &lowest_of_the_highest));
}

using Sites = std::map<Way, std::unique_ptr<Site>>;

Sites measured() {
    Sites sites;
    for (const auto way : {Way::nothing, Way::xdp_redirect, Way::weir_xdp, Way::tc_redirect,
                           Way::weir_tc, Way::nftables, Way::kernel})
        sites[way] = std::make_unique<Site>(way);
    // from here on, and not of the daemons, which have begun
    const OneCpu pin;
    take_precedence();
    for (int round = 0; round < kRounds; round++)
        for (const auto &[way, site] : sites)
            site->measure();
    return sites;
}

void add_rates(Report &report, const Sites &sites) {
    for (const Row &row : kRows) {
        const Site &site = *sites.at(row.way);
        const Site &baseline = *sites.at(row.baseline);
        auto found =
            compare(row.name, "packets/s", row.what, baseline.rates(), site.rates(), row.goal);
        found.note = fmt::format("{:.0f} packets/s; lost {:.1f}% and {:.1f}%",
                                 median(baseline.rates()), site.lost(), baseline.lost());
        report.add(found);
    }
}

void add_own_times(Report &report, const Sites &sites) {
    const Site &nothing = *sites.at(Way::nothing);
    for (const Row &row : kRows) {
        const auto of_baseline = own_times(*sites.at(row.baseline), nothing);
        auto found = compare(std::string(row.name) + "/own", "ns", row.what, of_baseline,
                             own_times(*sites.at(row.way), nothing));
        found.note = fmt::format("{:.0f} ns; before that {:.0f} ns", median(of_baseline),
                                 1e9 / median(nothing.rates()));
        report.add(found);
    }
}

void work(Report &report) {
    if (const auto why = why_no_namespaces(); !why.empty())
        throw std::runtime_error(why);
    enter_mount_sandbox();
    const auto sites = measured();
    report.begin(
        fmt::format("UDP in frames of {} bytes from veth to veth on one CPU, {} flows, {} "
                    "rounds",
                    kFrame, kFlows, kRounds));
    add_rates(report, sites);
    add_own_times(report, sites);
}

}  // namespace
}  // namespace weir::test

int main(int argc, char **argv) {
    return weir::test::run_benchmark(argc, argv, weir::test::work);
}
