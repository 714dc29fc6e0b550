// While flows are brought over from other tables: what may belong to one that is still to come is
// held back, and nothing else.
#include "tests/prog/flows.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class Hold : public Flows {
  protected:
    void expect_held(const Segment &segment) {
        const auto before = path->drops(WEIR_DROP_TAKING_OVER);
        EXPECT_EQ(run(segment).verdict, Verdict::drop);
        EXPECT_EQ(path->drops(WEIR_DROP_TAKING_OVER), before + 1) << "I6";
        EXPECT_EQ(path->all_drops(), before + 1) << "I6";
    }
    Endpoint at_backend() const { return in_family(family(), "198.51.100.11:8080"); }
};

TEST_P(Hold, TcpInMidStreamWithoutAFlowWaits) {
    value_of(path->tables().hold(2s));
    expect_held(make(client, vip, kAck, 101, 501));
    expect_held(make(at_backend(), client, kAck, 501, 101));
    expect_held(make(at_backend(), client, kSyn | kAck, 501, 101));
    EXPECT_TRUE(list().empty());
}

TEST_P(Hold, OpeningsFlowsAndForeignTrafficGoOn) {
    connect(client, vip);
    value_of(path->tables().hold(2s));
    EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow, WEIR_TRACE_ESTABLISHED);
    client.port++;
    EXPECT_EQ(run(make(client, vip, kSyn, 100)).trace.flow, WEIR_TRACE_NEW);
    const auto stranger = in_family(family(), "203.0.113.9:8080");
    EXPECT_EQ(run(make(stranger, client, kAck, 1, 1)).verdict, Verdict::pass) << "I1";
    EXPECT_EQ(path->all_drops(), 0U);
}

TEST_P(Hold, EndsByItself) {
    value_of(path->tables().hold(2s));
    path->advance(2s);
    EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow, WEIR_TRACE_NEW);
    EXPECT_EQ(path->all_drops(), 0U);
}

TEST_P(Hold, EndsWhenItIsReleased) {
    value_of(path->tables().hold(2s));
    value_of(path->tables().hold(0s));
    EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow, WEIR_TRACE_NEW);
}

INSTANTIATE_TEST_SUITE_P(, Hold, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
