// Which backend a scheduler gives to new flows, and what becomes of the flows of one that goes.
#include <fmt/format.h>

#include <map>

#include "tests/prog/flows.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

std::string with_service(const std::string &keys, const std::vector<int> &weights) {
    std::string yaml = "services:\n";
    for (const bool six : {false, true})
        for (const bool udp : {false, true}) {
            yaml += std::string("  - {name: ") + (udp ? "dns" : "web") + (six ? "-6" : "") +
                    ", vip: " + (six ? "\"2001:db8::c000:20a\"" : "192.0.2.10") +
                    ", port: 80, protocol: " + (udp ? "udp, " : "tcp, ") + keys + ", backends: [";
            for (std::size_t i = 0; i < weights.size(); ++i)
                yaml += fmt::format("{}{{address: {}, port: 80, weight: {}}}", i > 0 ? ", " : "",
                                    six ? fmt::format("\"2001:db8::c633:64{:02x}\"", 16 + i)
                                        : fmt::format("198.51.100.{}", 16 + i),
                                    weights[i]);
            yaml += "]}\n";
        }
    return yaml + "limits: {flows: 4096, new_flows: 4096, services: 16, backends: 256}\n";
}

class Schedulers : public Flows {
  protected:
    void use(const std::string &keys, const std::vector<int> &weights) {
        path = std::make_unique<DataPath>(with_service(keys, weights));
    }
    static Endpoint backend(int index) {
        return at(("198.51.100." + std::to_string(16 + index) + ":80").c_str());
    }
    // The backend, by its number, of a new flow from a port.
    int open(std::uint16_t port, Address from = at("203.0.113.5:1").address) {
        const Endpoint to = send(make({from, port}, vip, kSyn, 100));
        for (int i = 0; i < 64; ++i)
            if (to == backend(i))
                return i;
        return -1;
    }
    std::map<int, int> open_many(int flows) {
        std::map<int, int> served;
        for (int i = 0; i < flows; ++i)
            ++served[open(static_cast<std::uint16_t>(20000 + i))];
        return served;
    }
};

TEST_P(Schedulers, WrrGoesRoundByWeight) {
    use("scheduler: wrr", {200, 100, 0});
    EXPECT_EQ(open_many(30), (std::map<int, int>{{0, 20}, {1, 10}}));
}

// With every second opening an affinity's, turns that those took would all be of one backend.
TEST_P(Schedulers, WrrLeavesTheTurnOfAClientThatReturnsToTheNextOne) {
    use("scheduler: wrr, session_affinity: {timeout: 1h}", {100, 100});
    std::map<int, int> served;
    for (int i = 0; i < 6; ++i) {
        const auto from = at(("203.0.113." + std::to_string(100 + i) + ":1").c_str()).address;
        const int first = open(1000, from);
        EXPECT_EQ(open(1001, from), first);
        ++served[first];
    }
    EXPECT_EQ(served, (std::map<int, int>{{0, 3}, {1, 3}}));
}

TEST_P(Schedulers, RandomFollowsTheWeights) {
    use("scheduler: random", {300, 100, 0});
    const auto served = open_many(400);
    EXPECT_EQ(served.count(2), 0U);
    EXPECT_NEAR(served.at(0), 300, 50) << "five standard deviations";
}

TEST_P(Schedulers, SourceHashKeepsAClientWithItsBackendAndSpreadsClients) {
    use("scheduler: source-hash", {100, 100, 100});
    EXPECT_EQ(open_many(30).size(), 1U);
    std::map<int, int> served;
    for (int i = 0; i < 60; ++i)
        ++served[open(40000, at(("203.0.113." + std::to_string(100 + i) + ":1").c_str()).address)];
    EXPECT_EQ(served.size(), 3U);
}

TEST_P(Schedulers, LeastConnGivesToTheOneWithTheFewest) {
    use("scheduler: least-conn", {100, 100, 100});
    EXPECT_EQ(open_many(30), (std::map<int, int>{{0, 10}, {1, 10}, {2, 10}}));
    // three connections of one backend end
    int ended = 0;
    for (const Flow &flow : list()) {
        if (flow.backend != backend(1) || ended == 3)
            continue;
        ++ended;
        run(make(flow.backend, flow.client, kSyn | kAck, 500, 101));
        run(make(flow.client, vip, kAck, 101, 501));
        run(make(flow.client, vip, kRst, 101, 501));
    }
    ASSERT_EQ(ended, 3);
    for (std::uint16_t port = 1000; port < 1003; ++port)
        EXPECT_EQ(open(port), 1);
}

TEST_P(Schedulers, LeastConnWeighs) {
    use("scheduler: least-conn", {300, 100, 0});
    EXPECT_EQ(open_many(40), (std::map<int, int>{{0, 30}, {1, 10}}));
}

TEST_P(Schedulers, LeastConnOfManyBackendsIsCloseToEven) {
    use("scheduler: least-conn", std::vector<int>(60, 100));
    const auto served = open_many(600);
    EXPECT_EQ(served.size(), 60U);
    for (const auto &[index, flows] : served)
        EXPECT_NEAR(flows, 10, 4) << index;
}

TEST_P(Schedulers, SegmentsOfAnUnknownConnectionFindOneBackend) {
    for (const char *scheduler : {"wrr", "random", "least-conn", "source-hash", "maglev"}) {
        use(std::string("scheduler: ") + scheduler, {100, 100, 100});
        const Endpoint first = send(make(client, vip, kAck, 7000, 8000));
        for (int i = 0; i < 5; ++i) {
            open_many(3);
            path->advance(31s);
            EXPECT_EQ(send(make(client, vip, kAck, 7000, 8000)), first) << scheduler;
        }
    }
}

class BackendGoes : public Schedulers {
  protected:
    void SetUp() override {
        Schedulers::SetUp();
        if (!IsSkipped())
            use("on_down: keep", {100, 100});
    }
    void set(const Endpoint &endpoint, const BackendCondition &condition) {
        Conditions conditions;
        for (const char *service : {"web", "dns", "web-6", "dns-6"})
            conditions[{service, endpoint}] = condition;
        path->set_conditions(conditions);
    }
    Endpoint other(const Endpoint &endpoint) {
        return endpoint == backend(0) ? backend(1) : backend(0);
    }
    Segment segment() const { return make(client, vip, kAck, 101, 501); }
};

TEST_P(BackendGoes, DrainingItKeepsItsFlowsAndGetsNoNewOnes) {
    const Endpoint first = connect(client, vip);
    set(first, {BackendState::draining, 0, 100, OnDown::keep});
    for (int i = 0; i < 3; ++i) {
        path->advance(2s);
        EXPECT_EQ(send(segment()), first);
    }
    for (std::uint16_t port = 1000; port < 1020; ++port)
        EXPECT_EQ(backend(open(port)), other(first));
}

TEST_P(BackendGoes, PortReuseDoesNotResurrectADrainingOne) {
    const Endpoint first = connect(client, vip);
    set(first, {BackendState::draining, 0, 100, OnDown::keep});
    send(make(client, vip, kRst, 101, 501));
    EXPECT_EQ(send(make(client, vip, kSyn, 9000)), other(first));
}

TEST_P(BackendGoes, AffinityDoesNotResurrectADrainingOne) {
    use("session_affinity: {timeout: 1h}", {100, 100});
    const int first = open(1000);
    EXPECT_EQ(open(1001), first);
    set(backend(first), {BackendState::draining, 0, 100, OnDown::keep});
    EXPECT_EQ(open(1002), 1 - first);
    EXPECT_EQ(open(1003), 1 - first);
}

TEST_P(BackendGoes, WithKeepItsFlowsStay) {
    const Endpoint first = connect(client, vip);
    set(first, {BackendState::down, 0, 100, OnDown::keep});
    path->advance(2s);
    EXPECT_EQ(send(segment()), first);
    EXPECT_EQ(path->all_drops(), 0U);
}

TEST_P(BackendGoes, WithResetTheClientGetsTheRstOfItsConnection) {
    const Endpoint first = connect(client, vip);
    set(first, {BackendState::down, 0, 100, OnDown::reset});
    path->advance(2s);
    Segment last = segment();
    last.payload = Bytes(100, 'x');
    const Outcome outcome = run(last);
    EXPECT_EQ(to_string(outcome.verdict), "forward");
    EXPECT_EQ(outcome.trace.reason, WEIR_DROP_BACKEND_DOWN);
    EXPECT_EQ(path->drops(WEIR_DROP_BACKEND_DOWN), 1U);
    EXPECT_EQ(path->all_drops(), 1U) << "I6";
    EXPECT_EQ(checksum_fault(outcome.frame), "") << "I2";
    Segment rst = make(vip, client, kRst, 501, 0);  // RFC 9293, 3.5.2
    rst.source_mac = last.destination_mac;
    rst.destination_mac = last.source_mac;
    rst.id = 0;
    const auto out = read(outcome.frame);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->source, rst.source);
    EXPECT_EQ(out->destination, rst.destination);
    EXPECT_EQ(out->tcp_flags, kRst);
    EXPECT_EQ(out->seq, 501U);
    EXPECT_EQ(out->payload.size(), 0U);
    EXPECT_EQ(out->destination_mac, last.source_mac);
    EXPECT_TRUE(list().empty());
    EXPECT_EQ(send(make(client, vip, kSyn, 9000)), other(first)) << "and may come again";
}

TEST_P(BackendGoes, WithResetAnRstIsNotAnswered) {
    const Endpoint first = connect(client, vip);
    set(first, {BackendState::down, 0, 100, OnDown::reset});
    path->advance(2s);
    EXPECT_EQ(to_string(run(make(client, vip, kRst, 101, 501)).verdict), "drop");
}

TEST_P(BackendGoes, WithResetADatagramIsAnsweredPortUnreachable) {
    const auto question = datagram(client, vip);
    const Endpoint first = send(question);
    Segment answer = datagram(first, client);
    run(answer);
    set(first, {BackendState::down, 0, 100, OnDown::reset});
    path->advance(2s);
    const Outcome outcome = run(question);
    EXPECT_EQ(outcome.trace.reason, WEIR_DROP_BACKEND_DOWN);
    EXPECT_EQ(to_string(outcome.verdict), "forward");
    EXPECT_EQ(path->icmp(WEIR_ICMP_SENT), 1U);
    EXPECT_EQ(send(question), other(first));
}

TEST_P(BackendGoes, WithReselectAnotherOneTakesThem) {
    const Endpoint first = connect(client, vip);
    set(first, {BackendState::down, 0, 100, OnDown::reselect});
    EXPECT_EQ(send(segment()), first) << "looked at once a second";
    path->advance(2s);
    EXPECT_EQ(send(segment()), other(first));
    EXPECT_EQ(path->all_drops(), 0U);
}

TEST_P(BackendGoes, AnOpeningThatWasNotAnsweredGoesToAnotherOneWhateverIsConfigured) {
    const Endpoint first = send(make(client, vip, kSyn, 100));
    set(first, {BackendState::down, 0, 100, OnDown::keep});
    path->advance(1100ms);
    EXPECT_EQ(send(make(client, vip, kSyn, 100)), other(first)) << "the retransmitted SYN";
}

// Ids are given away again: here there are but two.
TEST_P(BackendGoes, AnotherOneWithItsIdDoesNotEndTheFlowsOfOneThatWasRemoved) {
    const auto with = [&](const Endpoint &second) {
        return fmt::format(
            "services:\n  - {{name: web, vip: \"{}\", port: 80, protocol: tcp, scheduler: wrr, "
            "on_down: reset, backends: [{{address: \"{}\", port: 80}}, {{address: \"{}\", port: "
            "80}}]}}\nlimits: {{flows: 1024, new_flows: 64, services: 16, backends: 2}}\n",
            vip.address.to_string(), backend(0).address.to_string(), second.address.to_string());
    };
    path = std::make_unique<DataPath>(with(backend(1)));
    open(1000);
    ASSERT_EQ(connect(client, vip), backend(1));
    path->reload(fmt::format(
        "services:\n  - {{name: web, vip: \"{}\", port: 80, protocol: tcp, backends: [{{address: "
        "\"{}\", port: 80}}]}}\nlimits: {{flows: 1024, new_flows: 64, services: 16, backends: "
        "2}}\n",
        vip.address.to_string(), backend(0).address.to_string()));
    path->reload(with(backend(2)));
    path->set_conditions({{{"web", backend(2)}, {BackendState::down, 0, 100, OnDown::reset}}});
    path->advance(2s);
    EXPECT_EQ(send(segment()), backend(1)) << "I9";
    EXPECT_EQ(path->all_drops(), 0U);
}

INSTANTIATE_TEST_SUITE_P(, Schedulers, every_hook_and_family(), flow_test_name);
INSTANTIATE_TEST_SUITE_P(, BackendGoes, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
