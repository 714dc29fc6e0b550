// Who may open flows to a service, how many, and which backend a client comes back to.
#include "tests/prog/flows.h"

#include <map>
#include <set>

namespace weir::test {
namespace {

using namespace std::chrono_literals;

// A service per family, with what is given for each.
std::string with_policy(const std::string &v4, const std::string &v6, int backends = 2) {
    std::string yaml = "services:\n";
    for (const bool six : {false, true}) {
        yaml += six ? "  - {name: web-6, vip: \"2001:db8::c000:20a\", "
                    : "  - {name: web, vip: 192.0.2.10, ";
        yaml += "port: 80, protocol: tcp, " + (six ? v6 : v4) + ", backends: [";
        for (int i = 0; i < backends; ++i)
            yaml +=
                (i > 0 ? ", " : "") +
                (six ? "{address: \"2001:db8::c633:64" + std::to_string(10 + i) + "\", port: 80}"
                     : "{address: 198.51.100." + std::to_string(16 + i) + ", port: 80}");
        yaml += "]}\n";
    }
    return yaml + "limits: {flows: 4096, new_flows: 4096, services: 16, backends: 32}\n";
}
std::string with_policy(const std::string &both, int backends = 2) {
    return with_policy(both, both, backends);
}

class Admission : public Flows {
  protected:
    void use(const std::string &yaml) { path = std::make_unique<DataPath>(yaml); }

    Outcome open(const Endpoint &from) { return run(make(from, vip, kSyn)); }
    bool let_in(const char *from) {
        const Outcome outcome = open(at(from));
        const bool in = outcome.verdict == Verdict::forward;
        EXPECT_EQ(outcome.trace.reason, in ? WEIR_DROP_NONE : WEIR_DROP_SOURCE_DENIED);
        return in;
    }
    Endpoint numbered(std::uint16_t port) const { return {client.address, port}; }

    void expect_refused(const Endpoint &from, weir_drop_reason reason) {
        const std::uint64_t before = path->drops(reason);
        const std::uint64_t all = path->all_drops();
        const Outcome outcome = open(from);
        EXPECT_EQ(to_string(outcome.verdict), "drop");
        EXPECT_EQ(outcome.trace.reason, reason);
        EXPECT_EQ(path->drops(reason), before + 1);
        EXPECT_EQ(path->all_drops(), all + 1) << "I6";
        EXPECT_EQ(path->icmp(WEIR_ICMP_SENT), 0U) << "no answer to a flood";
    }
};

TEST_P(Admission, TheLongestSourceRangeDecides) {
    use(with_policy("source_ranges: [203.0.113.0/24, \"!203.0.113.128/25\", 203.0.113.200/32]",
                    "source_ranges: [\"2001:db8::cb00:7100/120\", \"!2001:db8::cb00:7180/121\", "
                    "\"2001:db8::cb00:71c8/128\"]"));
    EXPECT_TRUE(let_in("203.0.113.0:1000"));
    EXPECT_TRUE(let_in("203.0.113.127:1000"));
    EXPECT_FALSE(let_in("203.0.113.128:1000"));
    EXPECT_FALSE(let_in("203.0.113.199:1000"));
    EXPECT_TRUE(let_in("203.0.113.200:1000"));
    EXPECT_FALSE(let_in("203.0.113.201:1000"));
    EXPECT_FALSE(let_in("203.0.112.255:1000")) << "only who is allowed";
    EXPECT_FALSE(let_in("198.18.0.1:1000"));
}

TEST_P(Admission, ABackendThatIsAClientMeetsTheSameRanges) {
    use(with_policy("source_ranges: [203.0.113.0/24, 198.51.100.17/32]",
                    "source_ranges: [\"2001:db8::cb00:7100/120\", \"2001:db8::c633:6411/128\"]"));
    expect_refused(at("198.51.100.16:1000"), WEIR_DROP_SOURCE_DENIED);
    const auto out = read(open(at("198.51.100.17:1000")).frame);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->source.address.to_string(), vip.address.to_string());
}

TEST_P(Admission, WithExceptionsOnlyAllOthersAreLetIn) {
    use(with_policy("source_ranges: [\"!203.0.113.128/25\"]",
                    "source_ranges: [\"!2001:db8::cb00:7180/121\"]"));
    EXPECT_TRUE(let_in("203.0.113.127:1000"));
    EXPECT_FALSE(let_in("203.0.113.128:1000"));
    EXPECT_TRUE(let_in("198.18.0.1:1000"));
}

TEST_P(Admission, AFlowLivesOnWhenItsClientIsShutOut) {
    use(with_policy("source_ranges: [203.0.113.0/24]", "source_ranges: [\"2001:db8::/32\"]"));
    const Endpoint backend = connect(client, vip);
    path->reload(
        with_policy("source_ranges: [\"!203.0.113.0/24\"]", "source_ranges: [\"!2001:db8::/32\"]"));
    EXPECT_EQ(send(make(client, vip, kAck, 101, 501)).to_string(), backend.to_string());
    expect_refused(numbered(1000), WEIR_DROP_SOURCE_DENIED);
}

TEST_P(Admission, AServiceTakesItsRateOfNewFlows) {
    use(with_policy("limits: {new_flows_per_second: 10}"));
    std::uint16_t port = 1000;
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(to_string(open(numbered(++port)).verdict), "forward") << "a burst of a second";
    expect_refused(numbered(++port), WEIR_DROP_SERVICE_RATE);
    expect_refused(at("203.0.113.77:1000"), WEIR_DROP_SERVICE_RATE);
    EXPECT_EQ(run(make(numbered(1001), vip, kAck)).trace.flow, WEIR_TRACE_ESTABLISHED)
        << "flows that are open are not new";
    path->advance(99ms);
    expect_refused(numbered(++port), WEIR_DROP_SERVICE_RATE);
    path->advance(1ms);
    EXPECT_EQ(to_string(open(numbered(++port)).verdict), "forward");
    expect_refused(numbered(++port), WEIR_DROP_SERVICE_RATE);
    path->advance(1s);
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(to_string(open(numbered(++port)).verdict), "forward");
    expect_refused(numbered(++port), WEIR_DROP_SERVICE_RATE);
}

TEST_P(Admission, ARateOfOneIsOnePerSecond) {
    use(with_policy("limits: {new_flows_per_second: 1, new_flows_per_second_per_source: 1}"));
    for (std::uint16_t port = 1000; port < 1010; port += 2) {
        EXPECT_EQ(to_string(open(numbered(port)).verdict), "forward");
        path->advance(1s - 1ns);
        expect_refused(numbered(static_cast<std::uint16_t>(port + 1)), WEIR_DROP_SOURCE_RATE);
        expect_refused(at("203.0.113.77:1000"), WEIR_DROP_SERVICE_RATE);
        path->advance(1ns);
    }
}

TEST_P(Admission, AClientHasARateOfItsOwn) {
    use(with_policy("limits: {new_flows_per_second_per_source: 5}"));
    std::uint16_t port = 1000;
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(to_string(open(numbered(++port)).verdict), "forward");
    expect_refused(numbered(++port), WEIR_DROP_SOURCE_RATE);
    EXPECT_EQ(to_string(open(at("203.0.113.77:1000")).verdict), "forward");
    path->advance(200ms);
    EXPECT_EQ(to_string(open(numbered(++port)).verdict), "forward");
    expect_refused(numbered(++port), WEIR_DROP_SOURCE_RATE);
}

// The client that is refused for its own rate does not use up the service's.
TEST_P(Admission, AFloodOfOneClientLeavesTheServiceToOthers) {
    use(with_policy("limits: {new_flows_per_second: 10, new_flows_per_second_per_source: 5}"));
    for (std::uint16_t port = 1000; port < 1100; ++port)
        open(numbered(port));
    EXPECT_EQ(path->drops(WEIR_DROP_SOURCE_RATE), 95U);
    for (std::uint16_t port = 1000; port < 1005; ++port)
        EXPECT_EQ(to_string(open({at("203.0.113.77:0").address, port}).verdict), "forward");
    expect_refused(at("203.0.113.78:1000"), WEIR_DROP_SERVICE_RATE);
}

TEST_P(Admission, ABackendTakesItsNumberOfFlows) {
    use(with_policy("limits: {flows_per_backend: 20}"));
    std::map<Endpoint, int> flows;
    for (std::uint16_t port = 1000; port < 1040; ++port)
        ++flows[send(make(numbered(port), vip, kSyn))];
    EXPECT_EQ(flows, (std::map<Endpoint, int>{{at("198.51.100.16:80"), 20},
                                              {at("198.51.100.17:80"), 20}}));
    expect_refused(numbered(1040), WEIR_DROP_BACKEND_FULL);
    EXPECT_EQ(run(make(numbered(1001), vip, kAck)).trace.flow, WEIR_TRACE_ESTABLISHED);
}

TEST_P(Admission, I9AClientComesBackToItsBackend) {
    use(with_policy("session_affinity: {timeout: 10m}", 8));
    for (std::uint8_t last = 1; last < 20; ++last) {
        const Address from = at(("203.0.113." + std::to_string(last) + ":0").c_str()).address;
        std::set<Endpoint> met;
        for (std::uint16_t port = 1000; port < 1020; ++port)
            met.insert(send(make({from, port}, vip, kSyn)));
        EXPECT_EQ(met.size(), 1U) << from.to_string();
    }
}

TEST_P(Admission, AffinityEndsWithItsTimeoutAfterTheLastNewFlow) {
    use(with_policy("session_affinity: {timeout: 10m}", 16));
    const Endpoint first = send(make(numbered(999), vip, kSyn));
    for (std::uint16_t port = 1000; port < 1010; ++port) {
        path->advance(10min - 1ns);
        EXPECT_EQ(send(make(numbered(port), vip, kSyn)).to_string(), first.to_string());
    }
    std::set<Endpoint> met;
    for (std::uint16_t port = 1010; port < 1030; ++port) {
        path->advance(10min);
        met.insert(send(make(numbered(port), vip, kSyn)));
    }
    EXPECT_GT(met.size(), 3U) << "each by the hash of its tuple";
}

TEST_P(Admission, AffinityToABackendThatIsGoneIsForgotten) {
    use(with_policy("session_affinity: {timeout: 10m}", 3));
    const Endpoint first = send(make(numbered(1000), vip, kSyn));
    std::string yaml = with_policy("session_affinity: {timeout: 10m}", 3);
    const std::string gone = "{address: " +
                             (family() == Family::v4 ? first.address.to_string()
                                                     : '"' + first.address.to_string() + '"') +
                             ", port: 80}";
    const auto at_backend = yaml.find(gone);
    ASSERT_NE(at_backend, std::string::npos) << gone;
    const bool is_last = yaml[at_backend + gone.size()] == ']';
    yaml.erase(is_last ? at_backend - 2 : at_backend, gone.size() + 2);
    path->reload(yaml);
    const Endpoint second = send(make(numbered(1001), vip, kSyn));
    EXPECT_NE(second.to_string(), first.to_string());
    for (std::uint16_t port = 1002; port < 1020; ++port)
        EXPECT_EQ(send(make(numbered(port), vip, kSyn)).to_string(), second.to_string());
    EXPECT_EQ(path->all_drops(), 0U);
}

// XDP leaves it to TC to answer, and that asks again.
TEST_P(Admission, WhatIsAnsweredCountsOnce) {
    for (const char *limit :
         {"limits: {new_flows_per_second: 1}", "limits: {new_flows_per_second_per_source: 1}"}) {
        std::string yaml = with_policy(limit);
        const std::string weightless = ", port: 80, weight: 0}";
        for (auto found = yaml.find(", port: 80}"); found != std::string::npos;
             found = yaml.find(", port: 80}", found))
            yaml.replace(found, std::string_view(", port: 80}").size(), weightless);
        use(yaml);
        const Outcome first = open(numbered(1000));
        EXPECT_EQ(to_string(first.verdict), "forward") << limit;
        EXPECT_EQ(first.trace.reason, WEIR_DROP_NO_BACKEND) << limit;
        const Outcome second = open(numbered(1001));
        EXPECT_EQ(to_string(second.verdict), "drop") << limit << ": beyond it";
        EXPECT_EQ(path->all_drops(), 2U);
    }
}

INSTANTIATE_TEST_SUITE_P(, Admission, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
