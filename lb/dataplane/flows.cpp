// Tables: listing and deleting flows.
#include <arpa/inet.h>

#include "lb/dataplane/flow_table.h"
#include "lb/dataplane/map_access.h"
#include "lb/dataplane/tables.h"

namespace weir {

namespace {

// Entries read with one system call.
constexpr std::uint32_t kListBatch = 4096;

// The flow that an entry is one direction of.
template <typename Tuple>
Flow make_flow(const Tuple &tuple, const EntryOf<Tuple> &entry, std::chrono::nanoseconds now) {
    const weir_flow &head = head_of(entry);
    const Endpoint source{from_abi(tuple.saddr), ntohs(tuple.head.sport)};
    const Endpoint destination{from_abi(tuple.daddr), ntohs(tuple.head.dport)};
    const Endpoint new_source = source_of(entry);
    const Endpoint new_destination = destination_of(entry);
    const bool forward = !is_reply(head);
    const Endpoint &peer = forward ? new_source : destination;
    Flow flow;
    flow.protocol = static_cast<Protocol>(tuple.head.protocol);
    flow.client = forward ? source : new_destination;
    flow.vip = forward ? destination : new_source;
    flow.backend = forward ? new_destination : source;
    if (peer != flow.client)
        flow.snat = peer;
    flow.service_id = head.service;
    flow.backend_id = head.backend;
    flow.state = static_cast<FlowState>(head.state);
    flow.idle = idle_time(head, now);
    return flow;
}

// The flow tables, one after the other.
class Walk {
  public:
    Walk(const MapFds &fds, const weir_settings &settings, const std::function<bool()> &go_on,
         const std::function<void(const Flow &)> &visit)
        : fds_(fds), settings_(settings), go_on_(go_on), visit_(visit) {}

    Result<std::optional<FlowPosition>> from(const FlowPosition &start) {
        position_ = start;
        found_ = start.map == 0;
        return table<weir_tuple_v4>({fds_.flows_v4, "flows_v4"})
            .and_then([&] {
                return table<weir_tuple_v6>({fds_.flows_v6, "flows_v6"});
            })
            .and_then([&] {
                return table<weir_tuple_v4>({fds_.flows_new_v4, "flows_new_v4"});
            })
            .and_then([&] {
                return table<weir_tuple_v6>({fds_.flows_new_v6, "flows_new_v6"});
            })
            .and_then([&]() -> Result<std::optional<FlowPosition>> {
                if (!found_)
                    return fail(Exit::usage,
                                "the flow tables have been replaced meanwhile: begin anew");
                return stopped_ ? std::optional(position_) : std::nullopt;
            });
    }

  private:
    // All of it, what follows the position, or nothing.
    template <typename Tuple>
    Result<void> table(const NamedMap &map) {
        bpf_map_info info{};
        std::uint32_t length = sizeof info;
        if (stopped_)
            return {};
        if (bpf_obj_get_info_by_fd(map.fd, &info, &length) != 0)
            return map_error(map.name, "tell its id", errno);
        if (found_)
            position_ = {info.id, 0};
        else if (info.id != position_.map)
            return {};
        found_ = true;
        return read<Tuple>(map);
    }

    template <typename Tuple>
    Result<void> read(const NamedMap &map) {
        BatchReader reader(map, sizeof(Tuple), sizeof(EntryOf<Tuple>), kListBatch);
        reader.start_at(position_.bucket);
        while (true) {
            position_.bucket = reader.bucket();
            stopped_ = !go_on_();
            if (stopped_)
                return {};
            const auto more = reader.next();
            if (!more)
                return tl::make_unexpected(more.error());
            if (!*more)
                return {};
            const auto now = data_path_now(fds_.replay);
            for (std::uint32_t i = 0; i < reader.size(); ++i)
                look_at(reader.key<Tuple>(i), reader.value<EntryOf<Tuple>>(i), now);
        }
    }

    template <typename Tuple>
    void look_at(const Tuple &tuple, const EntryOf<Tuple> &entry,
                 std::chrono::nanoseconds now) const {
        const weir_flow &head = head_of(entry);
        if (!is_reply(head) && !is_expired(settings_, tuple.head.protocol, head, now))
            visit_(make_flow(tuple, entry, now));
    }

    const MapFds &fds_;
    const weir_settings &settings_;
    const std::function<bool()> &go_on_;
    const std::function<void(const Flow &)> &visit_;
    FlowPosition position_;
    bool found_ = false;    // the table of the position that was asked for
    bool stopped_ = false;  // by go_on
};

// What packets become.
struct Target {
    Endpoint source, destination;
};

// The translation that the other direction has; as entry_turn() in bpf/entry.h has it.
template <typename Tuple>
Target turned(const Tuple &tuple) {
    return {{from_abi(tuple.daddr), ntohs(tuple.head.dport)},
            {from_abi(tuple.saddr), ntohs(tuple.head.sport)}};
}

class Deleter {
  public:
    Deleter(const MapFds &fds, const weir_settings &settings,
            const std::function<bool(const Flow &)> &wanted, const std::function<bool()> &go_on)
        : fds_(fds), settings_(settings), wanted_(wanted), go_on_(go_on) {}

    template <typename Tuple>
    Result<void> sweep(const NamedMap &map) {
        BatchReader reader(map, sizeof(Tuple), sizeof(EntryOf<Tuple>), kListBatch);
        while (done_.complete) {
            done_.complete = go_on_();
            if (!done_.complete)
                return {};
            const auto more = reader.next();
            if (!more)
                return tl::make_unexpected(more.error());
            if (!*more)
                return {};
            const auto now = data_path_now(fds_.replay);
            for (std::uint32_t i = 0; i < reader.size(); ++i)
                look_at(reader.key<Tuple>(i), reader.value<EntryOf<Tuple>>(i), now);
        }
        return {};
    }

    const FlowDeletion &done() const { return done_; }

  private:
    template <typename Tuple>
    void look_at(const Tuple &tuple, const EntryOf<Tuple> &entry, std::chrono::nanoseconds now) {
        if (!wanted_(make_flow(tuple, entry, now)))
            return;
        remove_peer(tuple, entry);
        const bool removed = remove(tuple, {source_of(entry), destination_of(entry)});
        // a packet that came between the two may have made the other direction anew
        remove_peer(tuple, entry);
        if (removed && !is_expired(settings_, tuple.head.protocol, head_of(entry), now))
            ++done_.flows;
    }

    template <typename Tuple>
    void remove_peer(const Tuple &tuple, const EntryOf<Tuple> &entry) const {
        remove(answer_of(tuple.head.protocol, entry), turned(tuple));
    }

    bool remove(const weir_tuple_v4 &tuple, const Target &target) const {
        const bool fresh = remove(fds_.flows_new_v4, tuple, target);
        return remove(fds_.flows_v4, tuple, target) || fresh;
    }
    bool remove(const weir_tuple_v6 &tuple, const Target &target) const {
        const bool fresh = remove(fds_.flows_new_v6, tuple, target);
        return remove(fds_.flows_v6, tuple, target) || fresh;
    }

    // Unless it is another flow's by now.
    template <typename Tuple>
    static bool remove(int fd, const Tuple &tuple, const Target &target) {
        EntryOf<Tuple> current{};
        return bpf_map_lookup_elem(fd, &tuple, &current) == 0 &&
               source_of(current) == target.source &&
               destination_of(current) == target.destination &&
               bpf_map_delete_elem(fd, &tuple) == 0;
    }

    const MapFds &fds_;
    const weir_settings &settings_;
    const std::function<bool(const Flow &)> &wanted_;
    const std::function<bool()> &go_on_;
    FlowDeletion done_;
};

}  // namespace

std::string_view to_string(FlowState state) {
    switch (state) {
        case FlowState::fresh:
            return "new";
        case FlowState::replied:
            return "replied";
        case FlowState::established:
            return "established";
        case FlowState::closing:
            return "closing";
        case FlowState::closed:
            break;
    }
    return "closed";
}

Result<std::optional<FlowPosition>> Tables::for_each_flow(
    const FlowPosition &from, const std::function<bool()> &go_on,
    const std::function<void(const Flow &)> &visit) const {
    const auto settings = this->settings();
    if (!settings)
        return tl::make_unexpected(settings.error());
    return Walk(fds_, *settings, go_on, visit).from(from);
}

Result<FlowDeletion> Tables::delete_flows(const std::function<bool(const Flow &)> &wanted,
                                          const std::function<bool()> &go_on) const {
    const auto settings = this->settings();
    if (!settings)
        return tl::make_unexpected(settings.error());
    Deleter deleter(fds_, *settings, wanted, go_on);
    // new flows first: one that moves to the others meanwhile is met there
    return deleter.sweep<weir_tuple_v4>({fds_.flows_new_v4, "flows_new_v4"})
        .and_then([&] {
            return deleter.sweep<weir_tuple_v6>({fds_.flows_new_v6, "flows_new_v6"});
        })
        .and_then([&] {
            return deleter.sweep<weir_tuple_v4>({fds_.flows_v4, "flows_v4"});
        })
        .and_then([&] {
            return deleter.sweep<weir_tuple_v6>({fds_.flows_v6, "flows_v6"});
        })
        .map([&] { return deleter.done(); });
}

}  // namespace weir
