// What went through each flow, and how it ended.
#include "lb/dataplane/accounts.h"

#include <map>

#include "lb/dataplane/collector.h"
#include "tests/prog/flow_entries.h"
#include "tests/prog/flows.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class AccountsOfFlows : public Flows {
  protected:
    void SetUp() override {
        Flows::SetUp();
        if (path)
            accounts_ = std::make_unique<Accounts>(path->tables());
    }
    const char *config() const override {
        static const std::string text =
            std::string(kFlowConfig) + "flow_log: {file: /var/log/weir-flows.json}\n";
        return text.c_str();
    }

    static constexpr auto kUdpTimeout = 5min;  // of kFlowConfig

    // Of `client` with dns. The entry lags: the last packet comes too soon to refresh it.
    Endpoint talk_for_a_while() {
        for (const auto pause : {1100ms, 900ms, 0ms}) {
            send(datagram(client, dns));
            path->advance(pause);
        }
        return client;
    }

    std::vector<FlowRecord> ended() {
        std::vector<FlowRecord> records;
        while (!value_of(accounts_->step(1s, [&](const auto &one) { records.push_back(one); }))) {
        }
        return records;
    }

  private:
    std::unique_ptr<Accounts> accounts_;
};

TEST_P(AccountsOfFlows, AClosedConnectionHasAllItsPackets) {
    const Endpoint backend = connect(client, vip);
    Segment data = make(client, vip, kAck | kPsh, 101, 501);
    data.payload.assign(700, 'x');
    run(data);
    path->advance(5s);
    run(make(client, vip, kFin | kAck, 801, 501));
    run(make(backend, client, kFin | kAck, 501, 802));
    run(make(client, vip, kAck, 802, 502));
    EXPECT_TRUE(ended().empty()) << "its last packets may still come";
    path->advance(3s);
    const auto records = ended();
    ASSERT_EQ(records.size(), 1U);
    const FlowRecord &one = records[0];
    const auto plain = build(make(client, vip, kAck)).size();
    EXPECT_EQ(one.end, FlowEnd::closed);
    EXPECT_EQ(one.state, FlowState::closed);
    EXPECT_EQ(one.client, client);
    EXPECT_EQ(one.vip, vip);
    EXPECT_EQ(one.backend, backend);
    EXPECT_EQ(one.forward.packets, 5U);
    EXPECT_EQ(one.forward.bytes, 5 * plain + 700);
    EXPECT_EQ(one.reply.packets, 2U);
    EXPECT_EQ(one.reply.bytes, 2 * plain);
    EXPECT_EQ(one.last - one.opened, 5s);
    EXPECT_TRUE(ended().empty()) << "told once";
    run(make(client, vip, kAck, 802, 502));
    path->advance(3s);
    EXPECT_TRUE(ended().empty()) << "a late packet opens no account";
}

TEST_P(AccountsOfFlows, EveryEndHasItsName) {
    send(datagram(client, dns));
    const Endpoint idle_one = client;
    client.port++;
    const Endpoint steady = talk_for_a_while();
    client.port++;
    const Endpoint backend = connect(client, vip);
    run(make(backend, client, kRst | kAck, 501, 101));
    const Endpoint reset = client;
    client.port++;
    connect(client, vip);
    value_of(path->tables().delete_flows([&](const Flow &flow) { return flow.client == client; },
                                         [] { return true; }));
    path->advance(kUdpTimeout - 500ms);
    std::map<Endpoint, FlowEnd> ends;
    for (const FlowRecord &one : ended())
        ends[one.client] = one.end;
    EXPECT_EQ(ends.size(), 4U);
    EXPECT_EQ(ends[reset], FlowEnd::reset);
    EXPECT_EQ(ends[idle_one], FlowEnd::idle);
    EXPECT_EQ(ends[steady], FlowEnd::idle);
    EXPECT_EQ(ends[client], FlowEnd::removed);
}

TEST_P(AccountsOfFlows, AnIdleFlowThatWasCollectedBeforeIsIdleAllTheSame) {
    talk_for_a_while();
    path->advance(kUdpTimeout - 500ms);
    Collector collector(path->tables());
    while (!value_of(collector.step(1s))) {
    }
    EXPECT_TRUE(list().empty());
    const auto records = ended();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].end, FlowEnd::idle);
}

TEST_P(AccountsOfFlows, AFlowThatIsRemovedInItsTimeIsNotIdle) {
    talk_for_a_while();
    path->advance(kUdpTimeout - 2s);
    value_of(path->tables().delete_flows([](const Flow &) { return true; }, [] { return true; }));
    const auto records = ended();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].end, FlowEnd::removed);
}

TEST_P(AccountsOfFlows, AFlowThatIsMadeOldForWantOfItsOtherDirectionIsNotIdle) {
    const Endpoint backend = send(datagram(client, dns));
    run(datagram(backend, client));
    // as flow_touch() does
    change_flows(*path, family() == Family::v4,
                 [](weir_flow &flow) { flow.refreshed -= 1U << 30; });
    const auto records = ended();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].end, FlowEnd::removed);
}

TEST_P(AccountsOfFlows, AFlowThatGetsAnotherBackendHasAnAccountOfItsOwn) {
    const Endpoint first = send(datagram(client, dns));
    run(datagram(first, client));
    value_of(path->tables().delete_flows([](const Flow &) { return true; }, [] { return true; }));
    std::string moved = config();
    for (std::size_t at = 0; (at = moved.find("198.51.100.12, port: 53", at)) != std::string::npos;)
        moved.replace(at, 13, "198.51.100.13");
    for (std::size_t at = 0; (at = moved.find("c633:640c\", port: 53", at)) != std::string::npos;)
        moved.replace(at, 9, "c633:640d");
    path->reload(moved);
    const Endpoint second = send(datagram(client, dns));
    ASSERT_NE(second, first);
    run(datagram(second, client));
    run(datagram(second, client));
    path->advance(6min);
    const auto records = ended();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].backend, second);
    EXPECT_EQ(records[0].forward.packets, 1U);
    EXPECT_EQ(records[0].reply.packets, 2U);
    EXPECT_TRUE(ended().empty()) << "the replies of the first one are nobody's";
}

TEST_P(AccountsOfFlows, ALivingFlowIsNotTold) {
    connect(client, vip);
    path->advance(1h);
    EXPECT_TRUE(ended().empty());
}

INSTANTIATE_TEST_SUITE_P(, AccountsOfFlows, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
