#include "lb/dataplane/accounts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "lb/dataplane/flow_table.h"
#include "lb/dataplane/map_access.h"

namespace weir {

namespace {

using std::chrono::nanoseconds;

constexpr std::uint32_t kBatch = 256;  // a fraction of a millisecond, also if all have ended
constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kRst = 0x04;

// Of a connection that is over the last packets are still to come.
constexpr std::chrono::seconds kLinger{2};
// A reply's account that is alone: the forward one is looked at first, and takes it along.
constexpr std::chrono::minutes kOrphan{1};

// What the packets that it counts become.
Endpoint new_source_of(const weir_account &account) {
    return {from_abi(account.saddr), ntohs(account.sport)};
}
Endpoint new_destination_of(const weir_account &account) {
    return {from_abi(account.daddr), ntohs(account.dport)};
}

// The tuple of the packets that answer them.
weir_tuple_v4 answer_to(const weir_tuple_v4 &tuple, const weir_account &account) {
    return {{account.dport, account.sport, tuple.head.protocol, 0, {}},
            account.daddr.words[3],
            account.saddr.words[3]};
}
weir_tuple_v6 answer_to(const weir_tuple_v6 &tuple, const weir_account &account) {
    const auto mapped = static_cast<std::uint8_t>(from_abi(account.daddr).is_v4());
    return {{account.dport, account.sport, tuple.head.protocol, mapped, {}},
            account.daddr,
            account.saddr};
}

template <typename Tuple>
FlowRecord make_record(const Tuple &tuple, const weir_account &forward, const weir_account &reply) {
    const auto time = [](std::uint64_t ns) { return nanoseconds(ns); };
    FlowRecord record;
    record.protocol = static_cast<Protocol>(tuple.head.protocol);
    record.client = {from_abi(tuple.saddr), ntohs(tuple.head.sport)};
    record.vip = {from_abi(tuple.daddr), ntohs(tuple.head.dport)};
    record.backend = new_destination_of(forward);
    if (const Endpoint seen = new_source_of(forward); seen != record.client)
        record.snat = seen;
    record.service_id = forward.service;
    record.state = static_cast<FlowState>(std::max(forward.state, reply.state));
    record.opened = time(forward.opened);
    record.last = time(std::max(forward.seen, reply.seen));
    record.forward = {forward.packets, forward.bytes};
    record.reply = {reply.packets, reply.bytes};
    return record;
}

}  // namespace

std::string_view to_string(FlowEnd end) {
    switch (end) {
        case FlowEnd::closed:
            return "closed";
        case FlowEnd::reset:
            return "reset";
        case FlowEnd::idle:
            return "idle";
        case FlowEnd::removed:
            break;
    }
    return "removed";
}

class Accounts::Walk {
  public:
    Walk(const MapFds &fds, const weir_settings &settings)
        : fds_(fds),
          settings_(settings),
          v4_({fds.accounts_v4, "accounts_v4"}, sizeof(weir_tuple_v4), sizeof(weir_account),
              kBatch),
          v6_({fds.accounts_v6, "accounts_v6"}, sizeof(weir_tuple_v6), sizeof(weir_account),
              kBatch) {}

    // A batch; false when the walk is over.
    Result<bool> next(const std::function<void(const FlowRecord &)> &ended) {
        auto more = v4_.next();
        if (!more || *more)
            return more.map([&](bool) { return look<weir_tuple_v4>(v4_, ended); });
        more = v6_.next();
        if (!more || !*more)
            return more;
        return look<weir_tuple_v6>(v6_, ended);
    }

  private:
    template <typename Tuple>
    bool look(const BatchReader &reader, const std::function<void(const FlowRecord &)> &ended) {
        const auto now = data_path_now(fds_.replay);
        for (std::uint32_t i = 0; i < reader.size(); ++i) {
            const auto account = reader.template value<weir_account>(i);
            const auto tuple = reader.template key<Tuple>(i);
            if (account.direction == WEIR_FORWARD)
                look_at(tuple, account, now, ended);
            else if (!flow_of(tuple) && now > nanoseconds(account.seen) + kOrphan)
                bpf_map_delete_elem(table<Tuple>(), &tuple);  // the other direction's has gone
        }
        return true;
    }

    template <typename Tuple>
    void look_at(const Tuple &tuple, const weir_account &forward, nanoseconds now,
                 const std::function<void(const FlowRecord &)> &ended) {
        const weir_account reply = reply_of(tuple, forward);
        auto record = make_record(tuple, forward, reply);
        const auto flow = flow_of(tuple);
        if (flow && head_of(*flow).state == WEIR_FLOW_CLOSED)
            record.state = FlowState::closed;
        const bool there = flow && source_of(*flow) == new_source_of(forward) &&
                           destination_of(*flow) == new_destination_of(forward);
        const bool expired =
            there && is_expired(settings_, tuple.head.protocol, head_of(*flow), now);
        if (there && !expired && (record.state != FlowState::closed || now < record.last + kLinger))
            return;
        record.end = end_of(forward, reply,
                            expired ? follows_packets(head_of(*flow), record)
                                    : was_expired(tuple.head.protocol, record, now));
        bpf_map_delete_elem(table<Tuple>(), &tuple);
        if (reply.opened != 0) {
            const auto answer = answer_to(tuple, forward);
            bpf_map_delete_elem(table<Tuple>(), &answer);
        }
        ended(record);
    }

    // Packets refresh an entry once a second, those of the other direction every two. One that is
    // older was made so (flow_touch() in bpf/flow.h): its other direction is gone.
    static bool follows_packets(const weir_flow &flow, const FlowRecord &record) {
        return static_cast<std::int32_t>(to_ticks(record.last) - flow.refreshed) <=
               3 * WEIR_REFRESH_TICKS;
    }

    // Whether an entry that is gone may have been collected: the last packet need not have
    // refreshed it.
    bool was_expired(std::uint8_t protocol, const FlowRecord &record, nanoseconds now) const {
        weir_flow last{};
        last.refreshed = to_ticks(record.last) - WEIR_REFRESH_TICKS;
        last.state = static_cast<std::uint8_t>(record.state);
        return is_expired(settings_, protocol, last, now);
    }

    static FlowEnd end_of(const weir_account &forward, const weir_account &reply, bool idle) {
        if (((forward.tcp_flags | reply.tcp_flags) & kRst) != 0)
            return FlowEnd::reset;
        if ((forward.tcp_flags & reply.tcp_flags & kFin) != 0)
            return FlowEnd::closed;
        return idle ? FlowEnd::idle : FlowEnd::removed;
    }

    template <typename Tuple>
    std::optional<EntryOf<Tuple>> flow_of(const Tuple &tuple) const {
        constexpr bool kV4 = sizeof(Tuple) == sizeof(weir_tuple_v4);
        for (const int fd :
             {kV4 ? fds_.flows_v4 : fds_.flows_v6, kV4 ? fds_.flows_new_v4 : fds_.flows_new_v6}) {
            EntryOf<Tuple> flow{};
            if (bpf_map_lookup_elem(fd, &tuple, &flow) == 0)
                return flow;
        }
        return std::nullopt;
    }

    // Empty where no reply was seen, or where it is another flow's by now.
    template <typename Tuple>
    weir_account reply_of(const Tuple &tuple, const weir_account &forward) const {
        const auto answer = answer_to(tuple, forward);
        weir_account reply{};
        const bool found = bpf_map_lookup_elem(table<Tuple>(), &answer, &reply) == 0;
        const bool ours =
            found && reply.direction == WEIR_REPLY &&
            new_source_of(reply) == Endpoint{from_abi(tuple.daddr), ntohs(tuple.head.dport)} &&
            new_destination_of(reply) == Endpoint{from_abi(tuple.saddr), ntohs(tuple.head.sport)};
        return ours ? reply : weir_account{};
    }

    template <typename Tuple>
    int table() const {
        return sizeof(Tuple) == sizeof(weir_tuple_v4) ? fds_.accounts_v4 : fds_.accounts_v6;
    }

    MapFds fds_;
    weir_settings settings_;
    BatchReader v4_, v6_;
};

Accounts::Accounts(const Tables &tables) : tables_(tables) {}
Accounts::~Accounts() = default;

Result<bool> Accounts::step(nanoseconds budget,
                            const std::function<void(const FlowRecord &)> &ended) {
    const auto end = std::chrono::steady_clock::now() + budget;
    if (!walk_) {
        const auto settings = tables_.settings();
        if (!settings)
            return tl::make_unexpected(settings.error());
        walk_ = std::make_unique<Walk>(tables_.maps(), *settings);
    }
    do {
        auto more = walk_->next(ended);
        if (!more || !*more) {
            walk_.reset();
            return more.map([](bool) { return true; });
        }
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

}  // namespace weir
