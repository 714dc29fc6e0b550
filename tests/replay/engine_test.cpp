// Which program a frame meets, at what time, and what the kernel does not take.
#include "lb/replay/engine.h"

#include "tests/replay/command.h"
#include "tests/support/captures.h"
#include "tests/support/program.h"

namespace weir::test {
namespace {

using std::chrono::seconds;

class EngineTest : public ReplayTest {
  protected:
    // Loads the data path; `hook` is the first interface's.
    void load(const std::string &hook, const std::string &more = "") {
        auto config = parse_config(
            services_yaml("interfaces: [{name: eth0, hook: " + hook + "}]\n" + more), "test");
        ASSERT_TRUE(config) << config.error().message;
        auto engine = Engine::create(*config);
        ASSERT_TRUE(engine) << engine.error().message;
        engine_.emplace(std::move(*engine));
    }
    weir::Outcome run(const Bytes &bytes, seconds time = seconds(0)) {
        return engine_->run(frame_at(time, bytes)).value();
    }
    static Segment to_web(std::size_t payload = 0) {
        Segment segment;
        segment.source = *Endpoint::parse("203.0.113.2:40000");
        segment.destination = *Endpoint::parse("192.0.2.10:80");
        segment.payload = Bytes(payload, 0x5a);
        return segment;
    }
    static Segment to_dns() {
        Segment segment = to_web();
        segment.destination = *Endpoint::parse("192.0.2.53:53");
        segment.protocol = Protocol::udp;
        return segment;
    }

    std::optional<Engine> engine_;
};

TEST_F(EngineTest, FramesEnterByTheHookOfTheFirstInterface) {
    for (const auto &[hook, name] :
         {std::pair("xdp", "xdp_ingress"), {"auto", "xdp_ingress"}, {"tc", "tc_ingress"}}) {
        load(hook);
        EXPECT_EQ(to_string(run(build(to_web())).hook), name);
    }
    EXPECT_EQ(ingress_hook(Config{}), PacketHook::xdp_ingress);
}

TEST_F(EngineTest, FramesOfTheLoadBalancerItselfEnterAtTcEgress) {
    load("xdp", "replay: {mac: 02:00:00:00:00:77}\n");
    auto own = to_web();
    own.source_mac = *MacAddress::parse("02:00:00:00:00:77");
    auto elsewhere = own;
    elsewhere.destination.port = 81;
    auto outcome = run(build(elsewhere));
    EXPECT_EQ(outcome.hook, PacketHook::tc_egress);
    EXPECT_EQ(outcome.verdict, weir::Verdict::pass);
    EXPECT_EQ(outcome.frame.bytes, build(elsewhere));
    // a program on the load balancer itself is a client like any other
    outcome = run(build(own));
    EXPECT_EQ(outcome.hook, PacketHook::tc_egress);
    EXPECT_EQ(outcome.verdict, weir::Verdict::pass);
    EXPECT_EQ(outcome.flow, FlowTrace::opened);
    EXPECT_EQ(read(outcome.frame.bytes).value().destination, *Endpoint::parse("198.51.100.6:8080"));
}

TEST_F(EngineTest, ForwardsWithTheVerdictOfItsHookAndNamesServiceAndBackend) {
    for (const auto &[hook, verdict] :
         {std::pair("xdp", weir::Verdict::tx), {"tc", weir::Verdict::redirect}}) {
        load(hook);
        const auto outcome = run(build(to_web()));
        EXPECT_EQ(outcome.verdict, verdict);
        EXPECT_EQ(outcome.service, "web");
        EXPECT_EQ(outcome.backend, "198.51.100.6:8080");
        EXPECT_EQ(outcome.flow, FlowTrace::opened);
        const auto sent = read(outcome.frame.bytes).value();
        EXPECT_EQ(sent.destination, *Endpoint::parse("198.51.100.6:8080"));
        EXPECT_EQ(sent.destination_mac.to_string(), "02:00:c6:33:64:06");
        EXPECT_EQ(sent.source_mac.to_string(), "02:00:00:00:00:01");
    }
}

// Not the first one, and not after a frame that had them.
TEST_F(EngineTest, FramesOfNoServiceHaveNoNames) {
    load("xdp");
    auto other = to_web();
    other.destination.port = 81;
    for (int i = 0; i < 2; i++) {
        const auto outcome = run(build(other));
        EXPECT_EQ(outcome.service, std::nullopt);
        EXPECT_EQ(outcome.backend, std::nullopt);
        EXPECT_EQ(outcome.flow, FlowTrace::none);
        EXPECT_EQ(run(build(to_web())).service, "web");
    }
}

TEST_F(EngineTest, FramesTooShortForTheKernelPassUntouched) {
    const Bytes whole = build(to_web());
    auto ipv6 = whole;
    ipv6[12] = 0x86;
    ipv6[13] = 0xdd;
    for (const char *hook : {"xdp", "tc"}) {
        load(hook);
        for (const Bytes &frame : {whole, ipv6})
            for (std::size_t length = 0; length < 54; length++) {
                const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
                const auto outcome = run(cut);
                EXPECT_EQ(outcome.verdict, weir::Verdict::pass) << hook << ", " << length;
                EXPECT_EQ(outcome.frame.bytes, cut) << hook << ", " << length;
            }
    }
}

TEST_F(EngineTest, FramesOfAnySizeAreTranslatedWhole) {
    for (const char *hook : {"xdp", "tc"})
        for (const std::size_t payload : {0U, 1460U, 3100U, 4000U, 8960U, 65495U}) {
            load(hook);
            const auto outcome = run(build(to_web(payload)));
            EXPECT_EQ(outcome.flow, FlowTrace::opened) << hook << ", " << payload;
            const auto sent = read(outcome.frame.bytes);
            ASSERT_TRUE(sent) << hook << ", " << payload;
            EXPECT_EQ(sent->payload, Bytes(payload, 0x5a));
            EXPECT_EQ(checksum_fault(outcome.frame.bytes), "") << hook << ", " << payload;
            EXPECT_EQ(outcome.frame.wire_length, 54 + payload);
        }
}

// Longer than any IP packet: what follows the head travels along.
TEST_F(EngineTest, FramesLongerThanAnIpPacketKeepTheirTail) {
    load("xdp");
    auto frame = build(to_web(65495));
    frame.resize(200000, 0x77);
    const auto outcome = run(frame);
    EXPECT_EQ(outcome.flow, FlowTrace::opened);
    ASSERT_EQ(outcome.frame.bytes.size(), frame.size());
    EXPECT_TRUE(std::equal(frame.begin() + 54, frame.end(), outcome.frame.bytes.begin() + 54));
}

TEST_F(EngineTest, FramesThatTheCaptureCutAreRunAsTheyAre) {
    for (const char *hook : {"xdp", "tc"}) {
        load(hook);
        Frame frame = frame_at({}, build(to_web(1000)));
        frame.bytes.resize(96);
        const auto outcome = engine_->run(frame).value();
        EXPECT_EQ(outcome.flow, FlowTrace::opened) << hook;
        EXPECT_EQ(outcome.frame.bytes.size(), 96U) << hook;
        EXPECT_EQ(outcome.frame.wire_length, 1054U) << hook;
    }
}

TEST_F(EngineTest, TimeoutsRunByTheTimeOfTheCapture) {
    for (const char *hook : {"xdp", "tc"}) {
        load(hook, "timeouts: {udp: 5m}\n");
        const auto query = build(to_dns());
        EXPECT_EQ(run(query, seconds(0)).flow, FlowTrace::opened);
        EXPECT_EQ(run(query, seconds(299)).flow, FlowTrace::established);
        EXPECT_EQ(run(query, seconds(598)).flow, FlowTrace::established);
        EXPECT_EQ(run(query, seconds(899)).flow, FlowTrace::opened);
    }
}

TEST_F(EngineTest, TimeThatGoesBackIsNoTimeout) {
    load("xdp");
    const auto query = build(to_dns());
    EXPECT_EQ(run(query, seconds(1000)).flow, FlowTrace::opened);
    EXPECT_EQ(run(query, seconds(0)).flow, FlowTrace::established);
}

TEST(CpuPin, KeepsTheThreadOnOneCpuAndLetsItGo) {
    cpu_set_t before;
    cpu_set_t during;
    cpu_set_t after;
    sched_getaffinity(0, sizeof before, &before);
    {
        const CpuPin pin;
        sched_getaffinity(0, sizeof during, &during);
    }
    sched_getaffinity(0, sizeof after, &after);
    EXPECT_EQ(CPU_COUNT(&during), 1);
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

}  // namespace
}  // namespace weir::test
