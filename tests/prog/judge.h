// Runs packets through the data path and says whether it did what the model wants (I1..I6).
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "tests/prog/answers.h"
#include "tests/prog/translation.h"

namespace weir::test {

class Judge {
  public:
    Judge(DataPath &path, Model &model, Entry entry) : path_(path), model_(model), entry_(entry) {}

    void advance(std::chrono::nanoseconds time) {
        path_.advance(time);
        now_ += time;
    }

    enum class Kind { whole, first, later };
    // A packet, whole or a fragment: `shape` makes the frame of its segment.
    using Shape = std::function<Bytes(const Segment &)>;
    void check(const Segment &segment, Kind kind, const Shape &shape) {
        const Bytes frame = shape(segment);
        Tuple tuple = tuple_of(segment);
        if (kind == Kind::later) {
            const auto noted = model_.recall(segment, now_);
            if (!noted)
                return check_orphan(segment, frame);
            tuple = *noted;
        } else {
            start_over(segment, tuple);
        }
        if (const Model::Entry *known = model_.find(tuple))
            check_known(segment, kind, frame, shape, tuple, *known);
        else if (kind == Kind::later)
            check_orphan(segment, frame);
        else if (const ServiceConfig *service = model_.service_of(tuple))
            check_new(segment, kind, frame, shape, *service);
        else
            check_foreign(frame);
    }

    void check_foreign(const Bytes &frame) {
        const Outcome outcome = path_.run(entry_, frame);
        ASSERT_EQ(to_string(outcome.verdict), "pass") << "I1: " << hex(frame);
        expect_bytes(outcome.frame, frame, frame, "I1");
    }

    // An error about `about`, which a host or router got from the data path, or never did.
    void check_error(const Segment &about, const Icmp &error) {
        const Bytes frame = build(error);
        const Model::Entry *known = model_.find(answer_to(tuple_of(about)));
        if (known == nullptr)
            return check_foreign(frame);
        const Outcome outcome = path_.run(entry_, frame);
        const Tuple meant = answer_to(known->to);
        if (changes_family(tuple_of(about), meant))
            return check_drop(outcome, frame, WEIR_DROP_NOT_TRANSLATABLE, {});
        if (error.ttl <= 1)
            return check_drop(outcome, frame, WEIR_DROP_TTL_EXPIRED, {});
        Segment original = about;
        original.source = meant.source;
        original.destination = meant.destination;
        Icmp expected = error;
        expected.body = slice(packet_of(build(original)), 0, error.body.size());
        if (error.source == about.destination.address)
            expected.source = meant.destination.address;
        expected.destination = meant.source.address;
        expected.source_mac = ReplayConfig{}.mac;
        expected.destination_mac = hop_mac(expected.destination);
        expected.ttl--;
        check_sent(outcome, frame, build(expected));
    }

    void check_echo(const Icmp &echo) {
        if (!model_.is_vip(echo.destination))
            return check_foreign(build(echo));
        Icmp reply = echo;
        std::swap(reply.source, reply.destination);
        std::swap(reply.source_mac, reply.destination_mac);
        reply.ttl = 64;
        reply.type = echo.source.is_v4() ? 0 : 129;
        check_sent(path_.run(entry_, build(echo)), build(echo), build(reply));
    }

    // I6, and the states of all flows.
    void check_totals();

    std::uint64_t drops(weir_drop_reason reason) const { return drops_[reason]; }
    // Ports of connections that were over.
    std::uint64_t taken() const { return taken_; }

  private:
    static void expect_bytes(const Bytes &frame, const Bytes &expected, const Bytes &cause,
                             const char *invariant) {
        ASSERT_TRUE(frame == expected) << invariant << "\n  in: " << hex(cause)
                                       << "\n out: " << hex(frame) << "\nwant: " << hex(expected);
    }

    void check_sent(const Outcome &outcome, const Bytes &frame, const Bytes &expected) {
        ASSERT_EQ(to_string(outcome.verdict), "forward") << hex(frame);
        ASSERT_EQ(checksum_fault(outcome.frame), "") << "I2: " << hex(frame);
        expect_bytes(outcome.frame, expected, frame, "I2, I3");
    }

    // Dropped and counted; answered where `answer` is not empty.
    void check_drop(const Outcome &outcome, const Bytes &frame, weir_drop_reason reason,
                    const Bytes &answer) {
        ++drops_[reason];
        ASSERT_EQ(outcome.trace.reason, reason) << hex(frame);
        if (!answer.empty())
            return check_sent(outcome, frame, answer);
        ASSERT_EQ(to_string(outcome.verdict), "drop") << hex(frame);
    }

    void check_orphan(const Segment &segment, const Bytes &frame) {
        if (!model_.is_vip(segment.destination.address))
            return check_foreign(frame);
        check_drop(path_.run(entry_, frame), frame, WEIR_DROP_FRAGMENT_ORPHAN, {});
    }

    // A client's SYN on a connection that is over.
    void start_over(const Segment &segment, const Tuple &tuple) {
        const Model::Entry *known = model_.find(tuple);
        if (known != nullptr && !known->reply && segment.protocol == Protocol::tcp &&
            known->connection->state == FlowState::closed &&
            (segment.tcp_flags & (kSyn | kAck)) == kSyn)
            model_.forget(tuple);
    }

    // Why a packet of a flow that changes its family, or not, cannot be sent on.
    static weir_drop_reason obstacle(const Segment &segment, Kind kind, bool changes_family) {
        if (segment.ttl <= 1)
            return WEIR_DROP_TTL_EXPIRED;
        const bool bare = segment.protocol == Protocol::udp && !segment.udp_checksum &&
                          segment.source.address.is_v4();
        return changes_family && (bare || kind != Kind::whole || !segment.tags.empty())
                   ? WEIR_DROP_NOT_TRANSLATABLE
                   : WEIR_DROP_NONE;
    }

    // From the VIP, which the sender of a reply takes for its client's peer.
    static Bytes answer_for(const Bytes &frame, Kind kind, weir_drop_reason reason,
                            const Address *from) {
        if (kind == Kind::later || reason == WEIR_DROP_NOT_TRANSLATABLE ||
            reason == WEIR_DROP_TUPLE_IN_USE)
            return {};
        Bytes answer = answer_about(
            frame, reason == WEIR_DROP_TTL_EXPIRED ? Error::time_exceeded : Error::unreachable);
        if (from == nullptr)
            return answer;
        Icmp changed = *read_icmp(answer);
        changed.source = *from;
        return build(changed);
    }

    void check_known(const Segment &segment, Kind kind, const Bytes &frame, const Shape &shape,
                     const Tuple &tuple, const Model::Entry &known) {
        if (kind == Kind::first)
            model_.note(segment, now_);
        known.connection->seen = now_;
        const bool changes = changes_family(tuple, known.to);
        const weir_drop_reason reason = obstacle(segment, kind, changes);
        const Outcome outcome = path_.run(entry_, frame);
        if (reason != WEIR_DROP_NONE) {
            const bool from_vip = known.reply && !changes;
            return check_drop(
                outcome, frame, reason,
                answer_for(frame, kind, reason, from_vip ? &known.to.source.address : nullptr));
        }
        Segment expected = translated(segment, known.to);
        if (kind == Kind::later) {  // it has no ports of its own
            expected.source.port = segment.source.port;
            expected.destination.port = segment.destination.port;
        } else {
            known.connection->follow(segment, known.reply);
        }
        check_sent(outcome, frame, shape(expected));
    }

    // Whether the refusal is right.
    bool is_due(const Tuple &tuple, const ServiceConfig &service, weir_drop_reason reason) const {
        if (reason == WEIR_DROP_NO_BACKEND)
            return service.backends[0].weight == 0;
        const Address *vip = service.mode == Mode::dnat ? &tuple.destination.address : nullptr;
        std::size_t refuse = 0;
        for (const BackendConfig &backend : service.backends) {
            const Tuple answer{backend.endpoint, tuple.source, tuple.protocol};
            const std::size_t ports =
                path_.config().snat.ports.last - path_.config().snat.ports.first + 1U;
            if (model_.has_snat(tuple, service) != (reason == WEIR_DROP_SNAT_EXHAUSTED))
                return false;
            if (reason == WEIR_DROP_TUPLE_IN_USE)
                refuse += model_.find(answer) != nullptr;
            else
                refuse += model_.claims(backend.endpoint, tuple.protocol, vip,
                                        now_ - std::chrono::milliseconds(4200)) == ports;
        }
        return refuse >= std::min<std::size_t>(2, service.backends.size());  // one, then another
    }

    void check_new(const Segment &segment, Kind kind, const Bytes &frame, const Shape &shape,
                   const ServiceConfig &service) {
        const Tuple tuple = tuple_of(segment);
        const Outcome outcome = path_.run(entry_, frame);
        const auto refused = static_cast<weir_drop_reason>(outcome.trace.reason);
        if (refused == WEIR_DROP_NO_BACKEND || refused == WEIR_DROP_TUPLE_IN_USE ||
            refused == WEIR_DROP_SNAT_EXHAUSTED) {
            ASSERT_TRUE(is_due(tuple, service, refused)) << hex(frame);
            return check_drop(outcome, frame, refused, answer_for(frame, kind, refused, nullptr));
        }
        if (kind == Kind::first)
            model_.note(segment, now_);
        if (refused == WEIR_DROP_TTL_EXPIRED || refused == WEIR_DROP_NOT_TRANSLATABLE) {
            check_drop(outcome, frame, refused, answer_for(frame, kind, refused, nullptr));
            learn(segment, service);
        } else {
            ASSERT_EQ(outcome.trace.flow, WEIR_TRACE_NEW) << hex(frame);
            learn_from(outcome.frame, tuple, service);
        }
        const Model::Entry *opened = model_.find(tuple);
        if (opened == nullptr)
            return;
        ASSERT_EQ(refused, obstacle(segment, kind, changes_family(tuple, opened->to)))
            << hex(frame);
        if (refused == WEIR_DROP_NONE) {
            opened->connection->follow(segment, false);
            check_sent(outcome, frame, shape(translated(segment, opened->to)));
        }
    }

    void learn_from(const Bytes &out, const Tuple &tuple, const ServiceConfig &service) {
        const auto segment = read(out);
        ASSERT_TRUE(segment) << hex(out);
        const Tuple to = tuple_of(*segment);
        ASSERT_TRUE(model_.may_become(tuple, service, to)) << hex(out);
        const Model::Entry *owner = model_.find(answer_to(to));
        if (owner != nullptr && owner->to != answer_to(tuple)) {
            ASSERT_TRUE(Model::may_end(*owner, now_))
                << "I4: the reply tuple of " << to.source.to_string() << " -> "
                << to.destination.to_string() << " belongs to another flow, "
                << to_string(owner->connection->state) << ", idle for "
                << (now_ - owner->connection->seen) / std::chrono::milliseconds(1) << " ms";
            model_.end(answer_to(to));
            ++taken_;
        }
        model_.open(tuple, to);
        model_.find(tuple)->connection->seen = now_;
    }

    // A packet opened a flow, but did not get through: the next one shows to which backend.
    void learn(Segment segment, const ServiceConfig &service) {
        segment.ttl = 64;
        segment.tags.clear();
        segment.tcp_flags = kAck;
        segment.udp_checksum = true;
        learn_from(path_.run(entry_, build(segment)).frame, tuple_of(segment), service);
    }

    DataPath &path_;
    Model &model_;
    Entry entry_;
    std::chrono::nanoseconds now_{0};
    std::array<std::uint64_t, WEIR_DROP_REASONS> drops_{};
    std::uint64_t taken_ = 0;
};

inline void Judge::check_totals() {
    for (std::uint8_t reason = 0; reason < WEIR_DROP_REASONS; ++reason)
        EXPECT_EQ(path_.drops(static_cast<weir_drop_reason>(reason)), drops_.at(reason))
            << "I6: one drop, one count: " << drop_reason_name(reason);
    std::size_t flows = 0;
    const auto go_on = [] { return !testing::Test::HasFailure(); };
    const auto listed = path_.tables().for_each_flow({}, go_on, [&](const Flow &flow) {
        const Model::Entry *known = model_.find({flow.client, flow.vip, flow.protocol});
        EXPECT_TRUE(known != nullptr && known->to.destination == flow.backend &&
                    known->connection->state == flow.state)
            << flow.client.to_string() << " -> " << flow.vip.to_string() << " is "
            << to_string(flow.state) << ", and in the model "
            << (known != nullptr ? to_string(known->connection->state) : "not there");
        ++flows;
    });
    EXPECT_TRUE(listed);
    std::size_t forward = 0;
    for (const auto &[tuple, entry] : model_.entries())
        forward += entry.reply ? 0U : 1U;
    EXPECT_EQ(flows, forward);
}

}  // namespace weir::test
