// While flows are brought over from other tables: what may belong to one that is still to come is
// left to the programs behind these, and nothing else.
#include "tests/prog/flow_entries.h"
#include "tests/prog/flows.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

class Handover : public Flows {
  protected:
    // As it came, to whatever program is next.
    void expect_left(const Segment &segment) {
        const auto frame = build(segment);
        const auto outcome = path->run(entry(), frame);
        EXPECT_EQ(to_string(outcome.verdict), "other") << "TC_ACT_UNSPEC; XDP passes on to TC";
        EXPECT_EQ(hex(outcome.frame), hex(frame)) << "I1";
        EXPECT_EQ(path->all_drops(), 0U);
    }
};

TEST_P(Handover, OfAllLeavesEverything) {
    const Endpoint backend = connect(client, vip);
    value_of(path->tables().hand_over(WEIR_HANDOVER_ALL));
    expect_left(make(client, vip, kAck, 101, 501));
    expect_left(make(backend, client, kRst, 501, 101));
    EXPECT_EQ(list().at(0).state, FlowState::established) << "it changes elsewhere";
    client.port++;
    expect_left(make(client, vip, kSyn, 100));
    expect_left(make(client, vip, kAck, 101, 501));
    expect_left(make(backend, client, kAck, 501, 101));
    expect_left(datagram(client, dns));
    EXPECT_EQ(list().size(), 1U);
}

TEST_P(Handover, OfMidstreamOpensFlowsAndLeavesTheRest) {
    value_of(path->tables().hand_over(WEIR_HANDOVER_MIDSTREAM));
    expect_left(make(client, vip, kAck, 101, 501));
    expect_left(make(client, vip, kSyn | kAck, 101, 501));
    EXPECT_EQ(run(make(client, vip, kSyn, 100)).trace.flow, WEIR_TRACE_NEW);
    EXPECT_EQ(run(datagram(client, dns)).trace.flow, WEIR_TRACE_NEW);
    EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow, WEIR_TRACE_ESTABLISHED);
}

// A closed one may be another's there: its client started over, or its SNAT port was used again.
TEST_P(Handover, OfMidstreamLeavesClosedFlowsThatWereBroughtOver) {
    const Endpoint backend = connect(client, vip);
    run(make(client, vip, kRst, 101));
    value_of(path->tables().hand_over(WEIR_HANDOVER_MIDSTREAM));
    EXPECT_EQ(run(make(backend, client, kAck, 501, 101)).trace.flow, WEIR_TRACE_REPLY)
        << "it was closed here";
    change_flows(*path, family() == Family::v4,
                 [](weir_flow &entry) { entry.flags |= WEIR_FLOW_BROUGHT; });
    expect_left(make(backend, client, kAck, 501, 101));
    expect_left(make(client, vip, kAck, 101, 501));
    EXPECT_EQ(run(make(client, vip, kSyn, 900)).trace.flow, WEIR_TRACE_NEW);
    EXPECT_EQ(run(make(client, vip, kAck, 901, 501)).trace.flow, WEIR_TRACE_ESTABLISHED);
}

TEST_P(Handover, ThatIsOverLeavesNothing) {
    value_of(path->tables().hand_over(WEIR_HANDOVER_ALL));
    value_of(path->tables().hand_over(WEIR_HANDOVER_NONE));
    EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow, WEIR_TRACE_NEW);
    expect_untouched(Entry::tc_ingress, build(make(client, at("198.51.100.77:9"), kSyn)));
}

INSTANTIATE_TEST_SUITE_P(, Handover, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
