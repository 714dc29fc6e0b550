// What a NAT must do, said the plain way: what judge.h holds the data path against.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "lb/config/config.h"
#include "lb/dataplane/tables.h"
#include "tests/support/frame.h"

namespace weir::test {

struct Tuple {
    Endpoint source;
    Endpoint destination;
    Protocol protocol;
    auto operator<=>(const Tuple &) const = default;
};

inline Tuple tuple_of(const Segment &segment) {
    return {segment.source, segment.destination, segment.protocol};
}
inline Tuple answer_to(const Tuple &tuple) {
    return {tuple.destination, tuple.source, tuple.protocol};
}

// What the two directions of a flow share.
struct Connection {
    FlowState state = FlowState::fresh;
    std::uint32_t ack = 0;             // replied: the ACK that completes the handshake
    bool fin[2] = {};                  // of the client, of the backend
    std::chrono::nanoseconds seen{0};  // the last packet

    void follow(const Segment &segment, bool reply) {
        const bool tcp = segment.protocol == Protocol::tcp;
        const std::uint8_t flags = tcp ? segment.tcp_flags : 0;
        const bool half_open = state == FlowState::fresh || state == FlowState::replied;
        if (flags & (kFin | kRst)) {
            if (!half_open)
                close(flags, reply);
        } else if (reply && half_open && flags & kSyn) {
            state = FlowState::replied;
            ack = segment.seq + 1;
        } else if ((reply && state == FlowState::fresh) ||
                   (!reply && state == FlowState::replied && flags & kAck && segment.ack == ack)) {
            state = FlowState::established;
        }
    }

  private:
    void close(std::uint8_t flags, bool reply) {
        if (flags & kFin)
            fin[reply ? 1 : 0] = true;
        if (flags & kRst || (fin[0] && fin[1]))
            state = FlowState::closed;
        else if (state != FlowState::closed)
            state = FlowState::closing;
    }
};

// It learns which backend and source a new flow got, and from then on knows every packet of that
// flow to the byte.
class Model {
  public:
    explicit Model(const Config &config) : config_(config) {}

    struct Entry {
        Tuple to;
        bool reply = false;
        std::shared_ptr<Connection> connection;
    };

    const Entry *find(const Tuple &tuple) const {
        const auto found = entries_.find(tuple);
        return found == entries_.end() ? nullptr : &found->second;
    }

    const ServiceConfig *service_of(const Tuple &tuple) const {
        for (const ServiceConfig &service : config_.services)
            if (service.vip == tuple.destination && service.protocol == tuple.protocol)
                return &service;
        return nullptr;
    }

    bool is_vip(const Address &address) const {
        for (const ServiceConfig &service : config_.services)
            if (service.vip.address == address)
                return true;
        return false;
    }

    bool is_backend(const Address &address) const {
        for (const ServiceConfig &service : config_.services)
            for (const BackendConfig &backend : service.backends)
                if (backend.endpoint.address == address)
                    return true;
        return false;
    }

    // Whether the source is translated: in fullnat, and of a backend that is a client.
    bool has_snat(const Tuple &tuple, const ServiceConfig &service) const {
        return service.mode == Mode::fullnat || is_backend(tuple.source.address);
    }

    // Whether a new flow may be translated like this.
    bool may_become(const Tuple &tuple, const ServiceConfig &service, const Tuple &to) const {
        bool known = false;
        for (const BackendConfig &backend : service.backends)
            known = known || (backend.endpoint == to.destination && backend.weight != 0);
        if (!known || to.protocol != tuple.protocol)
            return false;
        if (!has_snat(tuple, service))
            return to.source == tuple.source;
        if (!config_.snat.ports.contains(to.source.port))
            return false;
        if (service.mode == Mode::dnat)
            return to.source.address == tuple.destination.address;
        for (const SnatAddress &one : config_.snat.addresses)
            if (one.address == to.source.address)
                return true;
        return false;
    }

    // How many SNAT ports are taken towards a backend, on addresses of the pool or on `vip`, since
    // `over` by flows that are not over.
    std::size_t claims(const Endpoint &backend, Protocol protocol, const Address *vip,
                       std::chrono::nanoseconds over) const {
        std::size_t count = 0;
        for (auto one = entries_.lower_bound({backend, {}, protocol});
             one != entries_.end() && one->first.source == backend; ++one)
            if (one->first.protocol == protocol && one->second.reply &&
                config_.snat.ports.contains(one->first.destination.port) &&
                (one->second.connection->state != FlowState::closed ||
                 one->second.connection->seen >= over)) {
                bool pool = false;
                for (const SnatAddress &snat : config_.snat.addresses)
                    pool = pool || snat.address == one->first.destination.address;
                count += vip == nullptr ? pool : one->first.destination.address == *vip;
            }
        return count;
    }

    void open(const Tuple &tuple, const Tuple &to) {
        const auto connection = std::make_shared<Connection>();
        entries_[tuple] = {to, false, connection};
        entries_[answer_to(to)] = {answer_to(tuple), true, connection};
    }

    // Its client starts over: an SNAT port stays taken.
    void forget(const Tuple &tuple) {
        const Tuple to = find(tuple)->to;
        entries_.erase(tuple);
        if (to.source == tuple.source)
            entries_.erase(answer_to(to));
    }

    // Whether the owner of a reply tuple may lose it, where ports are short.
    static bool may_end(const Entry &reply, std::chrono::nanoseconds now) {
        return reply.reply && reply.connection->state == FlowState::closed &&
               now - reply.connection->seen > std::chrono::seconds(1);
    }
    void end(const Tuple &answer) {
        const Entry reply = *find(answer);
        const Entry *forward = find(answer_to(reply.to));
        if (forward != nullptr && forward->connection == reply.connection)
            entries_.erase(answer_to(reply.to));
        entries_.erase(answer);
    }

    // A first fragment tells of which flow those with its addresses and id are, for a minute.
    void note(const Segment &first, std::chrono::nanoseconds now) {
        notes_[key_of(first)] = {tuple_of(first), now};
    }
    std::optional<Tuple> recall(const Segment &later, std::chrono::nanoseconds now) const {
        const auto found = notes_.find(key_of(later));
        if (found == notes_.end() || now - found->second.second >= std::chrono::seconds(60))
            return std::nullopt;
        return found->second.first;
    }

    const std::map<Tuple, Entry> &entries() const { return entries_; }

  private:
    using FragmentKey = std::tuple<Address, Address, std::uint16_t, Protocol>;

    static FragmentKey key_of(const Segment &part) {
        const bool v4 = part.source.address.is_v4();
        return {part.source.address, part.destination.address, part.id,
                v4 ? part.protocol : Protocol{}};
    }

    const Config &config_;
    std::map<Tuple, Entry> entries_;
    std::map<FragmentKey, std::pair<Tuple, std::chrono::nanoseconds>> notes_;
};

}  // namespace weir::test
