// The metrics of a running Weir: held against the wire, and read by Prometheus' own tool.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "lb/replay/capture.h"
#include "tests/e2e/world.h"
#include "tests/support/traffic.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using ::testing::HasSubstr;

struct Count {
    double packets = 0;
    double bytes = 0;  // whole frames

    bool operator==(const Count &) const = default;
};
void PrintTo(const Count &count, std::ostream *out) {
    *out << count.packets << " packets, " << count.bytes << " bytes";
}

// tcpdump on a host's only link: what it sends or receives of UDP.
class Wire {
  public:
    Wire(const Netns &host, const char *direction, std::string file)
        : file_(std::move(file)),
          tcpdump_({"tcpdump", "--immediate-mode", "-U", "-B", "65536", "-n", "-s", "60", "-i",
                    "eth0", "-Q", direction, "-w", file_, "udp"},
                   {.netns = &host}) {
        EXPECT_TRUE(tcpdump_.wait_for_err("listening on")) << tcpdump_.err();
    }
    // Once it has read as many packets as there should be, or time is up: one that is ended earlier
    // leaves what it has not read yet.
    Count end(double packets) {
        EXPECT_TRUE(eventually([&] { return count().packets >= packets; }));
        tcpdump_.kill(SIGINT);
        EXPECT_THAT(tcpdump_.wait().err, HasSubstr("\n0 packets dropped by kernel"));
        return count();
    }

  private:
    Count count() const {
        Count count;
        auto reader = CaptureReader::open(file_);
        Frame frame;
        // the last frame may be half written
        for (auto more = reader ? reader->next(frame) : Result<bool>(false); more && *more;
             more = reader->next(frame)) {
            count.packets++;
            count.bytes += frame.wire_length;
        }
        return count;
    }

    std::string file_;
    Process tcpdump_;
};

class Metrics : public HookTest {
  protected:
    Count metric_of(const std::string &kind, const std::string &labels) {
        return {metric(fmt::format("weir_{}_packets_total{{{}}}", kind, labels)),
                metric(fmt::format("weir_{}_bytes_total{{{}}}", kind, labels))};
    }
    std::unique_ptr<Wire> listen(const Netns &host, const char *name, const char *direction) {
        return std::make_unique<Wire>(host, direction,
                                      (folder().path() / (std::string(name) + direction)).string());
    }
};

// Flows of many clients, one after the other, some hundred thousand packets in all.
TEST_P(Metrics, AreWhatTcpdumpCountsOnTheWire) {
    constexpr int kFlows = 20;
    constexpr int kAsks = 2600;  // of each: a packet there, and one back
    const EchoServer one(world().one, Protocol::udp, world().at_one, "one");
    const EchoServer two(world().two, Protocol::udp, world().at_two, "two");
    const auto daemon = start_with({});
    const auto sent = listen(world().client_host, "client", "out");
    const auto answered = listen(world().client_host, "client", "in");
    const auto to_one = listen(world().one, "one", "in");
    const auto from_one = listen(world().one, "one", "out");
    const auto to_two = listen(world().two, "two", "in");
    const auto from_two = listen(world().two, "two", "out");
    for (int flow = 0; flow < kFlows; flow++) {
        // ports of its own: the kernel may choose one twice
        const Client client(world().client_host, Protocol::udp, world().vip_udp,
                            static_cast<std::uint16_t>(15000 + flow));
        for (int i = 0; i < kAsks; i++)
            ASSERT_TRUE(client.ask(fmt::format("{:0{}}", i, 1 + i % 200)));
    }
    const auto backend = [&](const Endpoint &endpoint, const char *direction) {
        return metric_of("backend", fmt::format(R"(service="dns",backend="{}",direction="{}")",
                                                endpoint.to_string(), direction));
    };
    EXPECT_EQ(metric_of("service", R"(service="dns",direction="forward")"),
              sent->end(kFlows * kAsks));
    EXPECT_EQ(metric_of("service", R"(service="dns",direction="reply")"),
              answered->end(kFlows * kAsks));
    const auto expect = [&](const Endpoint &endpoint, const char *direction, Wire &wire) {
        const auto told = backend(endpoint, direction);
        EXPECT_EQ(told, wire.end(told.packets));
    };
    expect(world().at_one, "forward", *to_one);
    expect(world().at_one, "reply", *from_one);
    expect(world().at_two, "forward", *to_two);
    expect(world().at_two, "reply", *from_two);
    EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="dns"})"), kFlows);
    EXPECT_TRUE(drops().empty());
}

TEST_P(Metrics, AreAcceptedByPromtool) {
    const auto daemon = start_with({.of_web = "health_check: {type: tcp, interval: 100ms}"});
    EXPECT_TRUE(eventually(
        [&] { return metric(R"(weir_health_checks_total{service="web",result="failed"})") > 0; }));
    const auto done = run({"sh", "-c",
                           "curl -sS --max-time 5 http://127.0.0.1:9470/metrics | promtool check "
                           "metrics"},
                          {.netns = &world().weir});
    EXPECT_EQ(done.status, 0) << done.out << done.err;
    EXPECT_EQ(done.err, "");
}

INSTANTIATE_TEST_SUITE_P(Hook, Metrics, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
