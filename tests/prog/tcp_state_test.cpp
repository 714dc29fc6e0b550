// The life of a TCP connection after its handshake, and how long each state may be idle.
#include "tests/prog/flows.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class TcpState : public Flows {
  protected:
    FlowState state() { return list().at(0).state; }

    void from_client(std::uint8_t flags) { run(make(client, vip, flags, 101, 501)); }
    void from_backend(std::uint8_t flags) { run(make(backend, client, flags, 501, 101)); }

    // Whether a packet of the client, or of the backend, still belongs to the flow.
    bool lives(bool reply) {
        return run(reply ? make(backend, client, kAck, 501, 101)
                         : make(client, vip, kAck, 101, 501))
                   .trace.flow == (reply ? WEIR_TRACE_REPLY : WEIR_TRACE_ESTABLISHED);
    }

    // The flow that `prepare` makes lives for `timeout` of silence, in either direction.
    template <typename Prepare>
    void expect_timeout(Prepare prepare, std::chrono::nanoseconds timeout) {
        for (const bool reply : {false, true}) {
            SCOPED_TRACE(reply ? "reply" : "forward");
            client.port++;
            prepare();
            path->advance(timeout - 135ms);  // time is told in ticks of 67
            EXPECT_TRUE(lives(reply));
            client.port++;
            prepare();
            path->advance(timeout);
            EXPECT_FALSE(lives(reply));
            EXPECT_EQ(run(make(client, vip, kAck, 101, 501)).trace.flow,
                      reply ? WEIR_TRACE_NEW : WEIR_TRACE_ESTABLISHED)
                << "the client's packet opens it anew";
        }
    }

    Endpoint backend;
};

TEST_P(TcpState, AFinOfEitherEndClosesHalf) {
    for (const bool client_first : {true, false}) {
        client.port++;
        backend = connect(client, vip);
        client_first ? from_client(kFin | kAck) : from_backend(kFin | kAck);
        const auto flows = list();
        const auto mine = std::find_if(flows.begin(), flows.end(),
                                       [&](const Flow &flow) { return flow.client == client; });
        ASSERT_NE(mine, flows.end());
        EXPECT_EQ(mine->state, FlowState::closing);
        EXPECT_TRUE(lives(true)) << "the other end may go on sending";
        EXPECT_TRUE(lives(false));
    }
}

TEST_P(TcpState, AFinThatIsSentAgainClosesHalfStill) {
    backend = connect(client, vip);
    from_client(kFin | kAck);
    from_client(kFin | kAck);
    from_client(kFin | kAck | kPsh);
    EXPECT_EQ(state(), FlowState::closing);
}

TEST_P(TcpState, TheFinsOfBothEndsClose) {
    backend = connect(client, vip);
    from_client(kFin | kAck);
    from_backend(kAck);
    EXPECT_EQ(state(), FlowState::closing);
    from_backend(kFin | kAck);
    EXPECT_EQ(state(), FlowState::closed);
    EXPECT_TRUE(lives(false)) << "the last ACK";
    from_client(kFin | kAck);
    EXPECT_EQ(state(), FlowState::closed);
}

TEST_P(TcpState, AnRstOfEitherEndCloses) {
    backend = connect(client, vip);
    from_client(kRst);
    EXPECT_EQ(state(), FlowState::closed);
    from_client(kSyn);  // starts over
    backend = connect(client, vip);
    from_backend(kRst | kAck);
    EXPECT_EQ(state(), FlowState::closed);
}

// RFC 9293, 3.5, figure 7.
TEST_P(TcpState, ASimultaneousOpenEstablishes) {
    backend = send(make(client, vip, kSyn, 100));
    run(make(backend, client, kSyn, 300));
    EXPECT_EQ(state(), FlowState::replied);
    run(make(client, vip, kSyn | kAck, 100, 301));
    EXPECT_EQ(state(), FlowState::established);
    run(make(backend, client, kSyn | kAck, 300, 101));
    EXPECT_EQ(state(), FlowState::established);
    EXPECT_EQ(list().size(), 1U);
}

TEST_P(TcpState, ASynStartsOverOnlyWhatIsClosed) {
    backend = connect(client, vip);
    EXPECT_EQ(run(make(client, vip, kSyn, 9)).trace.flow, WEIR_TRACE_ESTABLISHED);
    EXPECT_EQ(state(), FlowState::established);
    from_backend(kFin | kAck);
    EXPECT_EQ(run(make(client, vip, kSyn, 9)).trace.flow, WEIR_TRACE_ESTABLISHED);
    EXPECT_EQ(state(), FlowState::closing);
    from_client(kFin | kAck);
    EXPECT_EQ(run(make(client, vip, kSyn | kAck, 9)).trace.flow, WEIR_TRACE_ESTABLISHED)
        << "no opening";
    EXPECT_EQ(run(make(backend, client, kSyn, 9)).trace.flow, WEIR_TRACE_REPLY)
        << "not the client's";
    EXPECT_EQ(state(), FlowState::closed);
    EXPECT_EQ(path->service(first_service).new_flows, 1U);
    EXPECT_EQ(run(make(client, vip, kSyn, 9)).trace.flow, WEIR_TRACE_NEW);
    EXPECT_EQ(state(), FlowState::fresh);
    EXPECT_EQ(path->service(first_service).new_flows, 2U);
    EXPECT_EQ(list().size(), 1U);
}

TEST_P(TcpState, WhatStartsOverNeedsAHandshakeOfItsOwn) {
    backend = connect(client, vip);
    from_client(kRst);
    backend = send(make(client, vip, kSyn, 900));
    send(make(client, vip, kAck, 101, 501));
    EXPECT_EQ(state(), FlowState::fresh);
    run(make(backend, client, kSyn | kAck, 700, 901));
    send(make(client, vip, kAck, 901, 501));
    EXPECT_EQ(state(), FlowState::replied) << "an ACK of the last connection";
    send(make(client, vip, kAck, 901, 701));
    EXPECT_EQ(state(), FlowState::established);
}

TEST_P(TcpState, EachHasItsTimeout) {
    const auto half_open = [this] { backend = send(make(client, vip, kSyn, 100)); };
    const auto replied = [this, half_open] {
        half_open();
        run(make(backend, client, kSyn | kAck, 500, 101));
    };
    const auto established = [this] { backend = connect(client, vip); };
    const auto closing = [this, established] {
        established();
        from_client(kFin | kAck);
    };
    const auto closed = [this, closing] {
        closing();
        from_backend(kFin | kAck);
    };
    const auto reset = [this, established] {
        established();
        from_backend(kRst);
    };
    expect_timeout(half_open, 30s);
    expect_timeout(replied, 30s);
    expect_timeout(established, 2h + 4min);
    expect_timeout(closing, 4min);
    expect_timeout(closed, 4min);
    expect_timeout(reset, 4min);
}

INSTANTIATE_TEST_SUITE_P(, TcpState, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
