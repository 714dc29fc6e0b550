// What the packet programs cost: CPU time above the floor (the frame put back, MAC addresses
// swapped, sent), divided by that of the reference (which parses the packet and looks it up in one
// LRU hash besides). Weir, the floor and the reference run in turns.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/benchmarks/report.h"
#include "tests/benchmarks/test_run.h"
#include "tests/support/netns.h"
#include "tests/support/program.h"

namespace weir::test {
namespace {

constexpr int kRounds = 101;
constexpr std::uint32_t kRepeat = 4000;  // frames in each round, of each program
constexpr std::size_t kPayload = 64;     // bytes
constexpr std::uint32_t kMany = 1000000;
// Of many flows: each has several packets in a round, for it is looked after once a second.
constexpr int kLongRounds = 5;
constexpr std::uint32_t kPacketsOfFlow = 5;

struct World {
    Endpoint client, vip, backend;
};
const World kV4{*Endpoint::parse("10.1.0.0:4000"), *Endpoint::parse("192.0.2.10:80"),
                *Endpoint::parse("198.51.100.6:8080")};
const World kV6{*Endpoint::parse("[2001:db8:c::]:4000"), *Endpoint::parse("[2001:db8::10]:80"),
                *Endpoint::parse("[2001:db8:1::6]:8080")};

struct Kind {
    bool v6 = false;
    Protocol protocol = Protocol::tcp;
    bool fullnat = false;
    const World &world() const { return v6 ? kV6 : kV4; }
    std::string name() const {
        return fmt::format("{}/{}/{}", v6 ? "v6" : "v4", protocol == Protocol::tcp ? "tcp" : "udp",
                           fullnat ? "fullnat" : "dnat");
    }
};

struct Sizes {
    int services = 1;
    int backends = 1;     // of the first service
    int flows = 65536;    // the tables' limits
    bool denied = false;  // all clients
};

std::string service(const std::string &name, const Kind &kind, int port, const Sizes &sizes,
                    int backends) {
    const auto &world = kind.world();
    auto yaml = fmt::format(
        "  - name: {}\n    vip: \"{}\"\n    port: {}\n    protocol: {}\n    mode: {}\n{}"
        "    backends:\n",
        name, world.vip.address.to_string(), port, kind.protocol == Protocol::tcp ? "tcp" : "udp",
        kind.fullnat ? "fullnat" : "dnat",
        !sizes.denied ? ""
        : kind.v6     ? "    source_ranges: [\"2001:db8:99::/128\"]\n"
                      : "    source_ranges: [192.0.2.99/32]\n");
    // only the first takes flows: answers have to come from one that is known
    for (int i = 0; i < backends; i++)
        yaml += fmt::format("      - {{address: \"{}\", port: {}, weight: {}}}\n",
                            world.backend.address.to_string(), world.backend.port + i,
                            i == 0 ? 100 : 0);
    return yaml;
}

std::string configuration(const Kind &kind, const Sizes &sizes) {
    std::string yaml = "services:\n";
    for (int i = 0; i < sizes.services; i++)
        yaml += service(fmt::format("s{}", i), kind, kind.world().vip.port + i, sizes,
                        i == 0 ? sizes.backends : 1);
    // four times the tuples that the tables have room for: ports are found, and not used up
    std::string pool;
    for (int i = 0; i < 16; i++)
        pool += fmt::format("{}198.51.100.{}, \"2001:db8:1::{}\"", i == 0 ? "" : ", ", 100 + i,
                            100 + i);
    yaml += fmt::format("snat: {{addresses: [{}], ports: 1024-32767}}\n", pool);
    return yaml + fmt::format("limits: {{flows: {}, new_flows: {}, services: {}, backends: {}}}\n",
                              sizes.flows, sizes.flows, std::max(16, sizes.services),
                              std::max(16, sizes.services + sizes.backends));
}

Bytes frame_of(const Kind &kind, const Endpoint &from, const Endpoint &to,
               std::uint8_t tcp_flags = kAck) {
    Segment segment;
    segment.protocol = kind.protocol;
    segment.source = from;
    segment.destination = to;
    segment.tcp_flags = tcp_flags;
    segment.seq = tcp_flags & kSyn ? 1000 : 1001;
    segment.ack = tcp_flags & kAck ? 1001 : 0;
    segment.payload = Bytes(kPayload);
    return build(segment);
}

// The frames of one flow, in both directions.
struct Flow {
    Bytes forward, reply;
};

// Opens a flow with real packets, and says what its later ones look like.
Flow open_flow(TestRun &run, Attached at, const Kind &kind, const Endpoint &client) {
    const auto &world = kind.world();
    const bool tcp = kind.protocol == Protocol::tcp;
    const auto expect = [](const TestRun::Sent &sent) {
        if (!sent.forwarded)
            throw std::runtime_error("a packet was not forwarded");
        return sent.frame;
    };
    const auto out = read(expect(run.send(
        at, frame_of(kind, client, world.vip, tcp ? std::uint8_t{kSyn} : std::uint8_t{0}))));
    if (!out)
        throw std::runtime_error("not a frame any more");
    Flow flow{frame_of(kind, client, world.vip), frame_of(kind, out->destination, out->source)};
    expect(run.send(at,
                    tcp ? frame_of(kind, out->destination, out->source, kSyn | kAck) : flow.reply));
    if (tcp)
        expect(run.send(at, flow.forward));
    expect(run.send(at, flow.reply));
    return flow;
}

Endpoint nth_client(const Endpoint &first, std::uint32_t n) {
    const auto &b = first.address.bytes();
    if (first.address.is_v4())
        return {Address::v4(b[12], static_cast<std::uint8_t>(b[13] + (n >> 16U)),
                            static_cast<std::uint8_t>(n >> 8U), static_cast<std::uint8_t>(n)),
                first.port};
    throw std::logic_error("many flows are IPv4");
}

struct Side {
    TestRun *run;
    Beside program;
    Traffic traffic;
};

// What a program cost, and the floor beside it, round by round.
struct Costs {
    std::vector<double> floor, all;

    std::vector<double> above() const {
        std::vector<double> above;
        for (std::size_t i = 0; i < all.size(); i++)
            above.push_back(all[i] - floor[i]);
        return above;
    }
    // Of the rounds that nothing disturbed.
    double least() const {
        return *std::min_element(all.begin(), all.end()) -
               *std::min_element(floor.begin(), floor.end());
    }
};

struct Pair {
    Costs baseline, weir;
};

Pair measure(Attached at, const Side &baseline, const Side &weir, int rounds = kRounds) {
    Pair costs;
    for (int round = -1; round < rounds; round++) {  // the first is not counted
        const auto one = [&](const Side &side, Costs &to) {
            const std::uint32_t repeat =
                rounds == kRounds ? kRepeat
                                  : std::max(kRepeat, kPacketsOfFlow * side.traffic.flows);
            const double floor = side.run->cost(at, Beside::floor, side.traffic, repeat);
            const double all = side.run->cost(at, side.program, side.traffic, repeat);
            if (round < 0)
                return;
            to.floor.push_back(floor);
            to.all.push_back(all);
        };
        one(baseline, costs.baseline);
        one(weir, costs.weir);
    }
    return costs;
}

void add(Report &report, const std::string &name, const std::string &baseline, const Pair &costs,
         std::optional<Goal> goal, const std::string &more = {}) {
    auto row = compare(name, "ns", baseline, costs.baseline.above(), costs.weir.above(), goal);
    row.note = fmt::format("least {:.2f} = {:.1f} / {:.1f} ns{}",
                           costs.weir.least() / costs.baseline.least(), costs.weir.least(),
                           costs.baseline.least(), more);
    report.add(row);
}

const char *const kReference = "parse + one LRU lookup";

std::optional<Goal> goal_of(const std::string &name) {
    if (name == "established/v4/tcp/dnat")
        return at_most(2.0);
    if (name == "established/v4/tcp/fullnat")
        return at_most(2.2);
    if (name == "established/v6/tcp/dnat")
        return at_most(2.6);
    if (name.starts_with("new/"))
        return at_most(2.5);
    return name.starts_with("non-service/") ? std::optional(at_most(2.0)) : std::nullopt;
}

class Programs {
  public:
    Programs(Report &report, Attached at)
        : report_(report), at_(at), prefix_(at == Attached::xdp ? "" : "tc/") {}

    void all() {
        for (const bool v6 : {false, true})
            for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
                for (const bool fullnat : {false, true})
                    flows({v6, protocol, fullnat});
        for (const bool v6 : {false, true})
            others({v6});
    }

    void sizes() {
        const Kind kind{false, Protocol::udp};
        against_one("flows/1000", kind, {}, 1000, std::nullopt);
        against_one("flows/1000000", kind, {.flows = 2621440}, kMany, at_most(2.0));
        against_one("services/10000", kind, {.services = 10000}, 1, at_most(1.05));
        against_one("backends/1000", kind, {.backends = 1000}, 1, std::nullopt);
    }

  private:
    void flows(const Kind &kind) {
        if (!report_.wants(prefix_ + "established/" + kind.name()) &&
            !report_.wants(prefix_ + "reply/" + kind.name()) &&
            !report_.wants(prefix_ + "new/" + kind.name()))
            return;
        TestRun run(configuration(kind, {}));
        const auto flow = open_flow(run, at_, kind, kind.world().client);
        row("established/" + kind.name(), run, flow.forward);
        row("reply/" + kind.name(), run, flow.reply);
        if (!report_.wants(prefix_ + "new/" + kind.name()))
            return;
        const Traffic openings{frame_of(kind, kind.world().client, kind.world().vip, kSyn),
                               1U << 22U};
        const Side weir{&run, Beside::weir, openings};
        const std::string name = "new/" + kind.name();
        add(report_, prefix_ + name, "parse + two LRU inserts",
            measure(at_, {&run, Beside::inserts, {reference(), 1U << 22U}}, weir),
            at_ == Attached::xdp ? goal_of(name) : std::nullopt);
    }

    void others(const Kind &kind) {
        const std::string family = kind.v6 ? "v6" : "v4";
        if (!report_.wants(prefix_ + "non-service/" + family) &&
            !report_.wants(prefix_ + "drop/" + family))
            return;
        const auto &world = kind.world();
        TestRun run(configuration(kind, {}));
        row("non-service/" + family, run, frame_of(kind, world.client, {world.backend.address, 9}));
        TestRun denying(configuration(kind, {.denied = true}));
        row("drop/" + family, denying, frame_of(kind, world.client, world.vip, kSyn));
    }

    // Beside the reference.
    void row(const std::string &name, TestRun &run, const Bytes &frame) {
        if (!report_.wants(prefix_ + name))
            return;
        const auto size = run.size(at_);
        add(report_, prefix_ + name, kReference,
            measure(at_, {&run, Beside::reference, {reference()}}, {&run, Beside::weir, {frame}}),
            at_ == Attached::xdp ? goal_of(name) : std::nullopt,
            fmt::format("; {} instructions, {} verified", size.translated, size.verified));
    }

    // The same packets with more of something in the tables.
    void against_one(const std::string &name, const Kind &kind, const Sizes &sizes,
                     std::uint32_t count, std::optional<Goal> goal) {
        if (!report_.wants(prefix_ + name))
            return;
        TestRun few(configuration(kind, {}));
        TestRun many(configuration(kind, sizes));
        const auto of_few = open_flow(few, at_, kind, kind.world().client);
        for (std::uint32_t i = 0; i < count; i++)
            open_flow(many, at_, kind, nth_client(kind.world().client, i));
        const int rounds = count > 1 ? kLongRounds : kRounds;
        add(report_, prefix_ + name, "the same, one of it",
            measure(at_, {&few, Beside::weir, {of_few.forward}},
                    {&many, Beside::weir, {of_few.forward, count}}, rounds),
            goal);
        if (count > 1)
            add(report_, prefix_ + name + "/reference", kReference,
                measure(at_, {&few, Beside::reference, {reference()}},
                        {&many, Beside::reference, {reference(), count}}, rounds),
                std::nullopt);
    }

    static Bytes reference() { return frame_of({}, kV4.client, kV4.vip); }

    Report &report_;
    Attached at_;
    std::string prefix_;
};

void measure_all(Report &report) {
    if (const auto why = why_no_namespaces(); !why.empty())
        throw std::runtime_error(why);
    const Netns netns;
    netns.run([&] {
        const OneCpu one_cpu;
        make_interface();
        for (const Attached at : {Attached::xdp, Attached::tc_ingress}) {
            report.begin(fmt::format(
                "{}: ns above the floor; {} rounds of {} frames of each in turns; medians",
                at == Attached::xdp ? "XDP" : "TC ingress", kRounds, kRepeat));
            Programs programs(report, at);
            programs.all();
            programs.sizes();
        }
    });
}

}  // namespace
}  // namespace weir::test

int main(int argc, char **argv) {
    return weir::test::run_benchmark(argc, argv, weir::test::measure_all);
}
