// What the data path tells of flows and drops, and how long flows took.
#include "lb/dataplane/event_ring.h"
#include "tests/prog/flows.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kAllKinds = (1U << WEIR_EVENT_KINDS) - 1;

class Events : public Flows {
  protected:
    void SetUp() override {
        Flows::SetUp();
        if (!path)
            return;
        ring_ =
            std::make_unique<EventRing>(value_of(EventRing::open(path->tables().maps().events)));
        take();  // what another test left
    }

    void watch(std::uint32_t kinds, std::uint32_t per_second = 1000,
               std::chrono::nanoseconds until = 24h) {
        const weir_watch wanted{static_cast<std::uint64_t>(until.count()), kinds, per_second};
        value_of(path->tables().watch(wanted));
    }

    std::vector<FlowEvent> take() {
        std::vector<FlowEvent> events;
        value_of(ring_->take([&](const FlowEvent &event) { events.push_back(event); }));
        return events;
    }

    // "opened established closed"
    std::string kinds() {
        std::string text;
        for (const FlowEvent &event : take())
            text += (text.empty() ? "" : " ") + std::string(to_string(event.kind));
        return text;
    }

    void converse() {
        const Endpoint backend = connect(client, vip);
        run(make(client, vip, kFin | kAck, 101, 501));
        run(make(backend, client, kFin | kAck, 501, 102));
        run(make(client, vip, kAck, 102, 502));
    }

  private:
    std::unique_ptr<EventRing> ring_;
};

TEST_P(Events, AConnectionIsToldOfThreeTimes) {
    watch(kAllKinds);
    converse();
    EXPECT_EQ(kinds(), "opened established closed");
}

TEST_P(Events, AnEventNamesTheFlow) {
    watch(kAllKinds);
    const Endpoint backend = connect(client, vip);
    const auto events = take();
    ASSERT_EQ(events.size(), 2U);
    for (const FlowEvent &event : events) {
        EXPECT_EQ(event.client, client);
        EXPECT_EQ(event.vip, vip);
        EXPECT_EQ(event.backend, backend);
        EXPECT_EQ(event.snat, std::nullopt);
        EXPECT_EQ(event.reason, std::nullopt);
        EXPECT_EQ(event.protocol, static_cast<int>(Protocol::tcp));
        EXPECT_EQ(event.service_id, path->plan().result.services.at(first_service).id);
    }
    EXPECT_EQ(events[0].tcp_flags, kSyn);
    EXPECT_EQ(events[0].length, build(make(client, vip, kSyn)).size());
}

TEST_P(Events, AnAnswerThatEstablishesIsToldFromTheClientsSide) {
    watch(1U << WEIR_EVENT_ESTABLISHED);
    const Endpoint backend = send(datagram(client, dns));
    run(datagram(backend, client));
    const auto events = take();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_TRUE(events[0].reply);
    EXPECT_EQ(events[0].client, client);
    EXPECT_EQ(events[0].vip, dns);
    EXPECT_EQ(events[0].backend, backend);
}

TEST_P(Events, ABackendThatRefusesIsTold) {
    watch(kAllKinds);
    const Endpoint backend = send(make(client, vip, kSyn, 100));
    run(make(backend, client, kRst | kAck, 0, 101));
    EXPECT_EQ(kinds(), "opened closed");
}

TEST_P(Events, ADropIsToldWithItsReason) {
    watch(kAllKinds);
    run(make(client, idle, kSyn));
    const auto events = take();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, EventKind::dropped);
    EXPECT_EQ(events[0].reason, WEIR_DROP_NO_BACKEND);
    EXPECT_EQ(events[0].client, client);
    EXPECT_EQ(events[0].vip, idle);
    EXPECT_EQ(events[0].backend, std::nullopt);
    EXPECT_EQ(path->all_drops(), 1U);
}

TEST_P(Events, OnlyKindsThatAreWatchedAreTold) {
    watch(1U << WEIR_EVENT_CLOSED);
    converse();
    run(make(client, idle, kSyn));
    EXPECT_EQ(kinds(), "closed");
}

TEST_P(Events, NothingIsToldWithoutAWatcher) {
    converse();
    EXPECT_EQ(kinds(), "");
    watch(kAllKinds, 1000, 30min);  // the test's clock begins at one hour
    client.port++;
    converse();
    EXPECT_EQ(kinds(), "") << "a watcher that has gone";
}

TEST_P(Events, WhatIsTooMuchIsCounted) {
    const auto before = value_of(path->tables().event_stats());
    watch(1U << WEIR_EVENT_OPENED, 5);
    for (int i = 0; i < 20; i++) {
        client.port++;
        run(make(client, vip, kSyn));
    }
    EXPECT_EQ(take().size(), 5U) << "a burst of one second";
    EXPECT_EQ(value_of(path->tables().event_stats()).sampled - before.sampled, 15U);
    path->advance(200ms);
    client.port++;
    run(make(client, vip, kSyn));
    EXPECT_EQ(take().size(), 1U) << "a place for one more";
}

TEST_P(Events, AFullRingIsCounted) {
    const auto before = value_of(path->tables().event_stats());
    constexpr std::uint64_t kMore = WEIR_EVENTS_BYTES / sizeof(weir_event);
    watch(1U << WEIR_EVENT_DROPPED, 1000000);
    for (std::uint64_t i = 0; i < kMore; i++)
        run(make(client, idle, kSyn));
    const auto told = take().size();
    EXPECT_GT(told, kMore / 2);
    EXPECT_EQ(told + value_of(path->tables().event_stats()).full - before.full, kMore);
    EXPECT_EQ(path->drops(WEIR_DROP_NO_BACKEND), kMore) << "they are dropped all the same";
}

class Latencies : public Flows {
  protected:
    FlowLatencies of(std::size_t index) {
        const auto id = path->plan().result.services.at(first_service + index).id;
        return value_of(path->tables().all_latencies(id + 1)).at(id);
    }

    // The only bucket that holds anything; -1: none, -2: several.
    static int bucket_of(const weir_latency &seen) {
        int found = -1;
        for (int i = 0; i < WEIR_LATENCY_BUCKETS; i++)
            if (seen.buckets[i] != 0)
                found = found == -1 ? i : -2;
        return found;
    }
};

TEST_P(Latencies, OfAHandshakeAreTheAnswerAndTheWhole) {
    const Endpoint backend = send(make(client, vip, kSyn, 100));
    path->advance(4ms);
    run(make(backend, client, kSyn | kAck, 500, 101));
    path->advance(30ms);
    send(make(client, vip, kAck, 101, 501));
    const auto seen = of(0);
    EXPECT_EQ(bucket_of(seen.answer), 5) << "at most 5 ms";
    EXPECT_EQ(bucket_of(seen.handshake), 8) << "at most 50 ms";
    EXPECT_NEAR(static_cast<double>(seen.answer.sum), 4e6, 4096);
    EXPECT_NEAR(static_cast<double>(seen.handshake.sum), 34e6, 4096);
}

TEST_P(Latencies, OfASynAckThatComesAgainCountOnce) {
    const Endpoint backend = send(make(client, vip, kSyn, 100));
    run(make(backend, client, kSyn | kAck, 500, 101));
    path->advance(1s);
    run(make(backend, client, kSyn | kAck, 500, 101));
    EXPECT_EQ(of(0).answer.buckets[0], 1U);
    EXPECT_EQ(bucket_of(of(0).answer), 0);
    EXPECT_EQ(bucket_of(of(0).handshake), -1);
}

TEST_P(Latencies, OfUdpAreTheFirstAnswer) {
    const Endpoint backend = send(datagram(client, dns));
    path->advance(6s);
    run(datagram(backend, client));
    path->advance(1ms);
    run(datagram(backend, client));
    EXPECT_EQ(bucket_of(of(2).answer), WEIR_LATENCY_BUCKETS - 1) << "longer than all bounds";
    EXPECT_EQ(bucket_of(of(2).handshake), -1);
}

TEST_P(Latencies, OfWhatBeganElsewhereAreNotKnown) {
    const Endpoint backend = send(make(client, vip, kAck, 100, 500));
    path->advance(1s);
    run(make(backend, client, kAck, 500, 101));
    EXPECT_EQ(bucket_of(of(0).answer), -1);
}

INSTANTIATE_TEST_SUITE_P(, Events, every_hook_and_family(), flow_test_name);
INSTANTIATE_TEST_SUITE_P(, Latencies, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
