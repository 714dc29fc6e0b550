#include "lb/dataplane/collector.h"

#include <functional>
#include <utility>

#include "lb/dataplane/flow_table.h"

namespace weir {

namespace {

// Entries between two looks at the clock: a fraction of a millisecond, also if all of them go.
constexpr std::uint32_t kCollectBatch = 256;

}  // namespace

// One walk: table by table, and within a table batch by batch.
class Collector::Walk {
  public:
    Walk(const MapFds &fds, const weir_settings &settings)
        : settings_(settings), replay_(fds.replay) {
        add_flows<weir_tuple_v4>({fds.flows_v4, "flows_v4"}, fds.flows_new_v4);
        add_flows<weir_tuple_v4>({fds.flows_new_v4, "flows_new_v4"}, fds.flows_v4);
        add_flows<weir_tuple_v6>({fds.flows_v6, "flows_v6"}, fds.flows_new_v6);
        add_flows<weir_tuple_v6>({fds.flows_new_v6, "flows_new_v6"}, fds.flows_v6);
        add_accounts({fds.accounts_v4, "accounts_v4"});
        add_accounts({fds.accounts_v6, "accounts_v6"});
        add_plain({fds.affinity, "affinity"});
        add_plain({fds.source_rates, "source_rates"});
        add_plain({fds.source_ranges, "source_ranges"});
        add_plain({fds.fragments, "fragments"});
        add_plain({fds.services, "services"});
        add_plain({fds.backends, "backends"});
    }

    // A batch; false when the walk is over.
    Result<bool> next() {
        if (stage_ == stages_.size())
            return false;
        Stage &stage = stages_[stage_];
        auto more = stage.reader.next();
        if (!more)
            return more;
        if (!*more) {
            census_.tables.push_back(stage.use);
            ++stage_;
            return true;
        }
        stage.use.entries += stage.reader.size();
        if (stage.look)
            stage.look(stage);
        return true;
    }

    Census take() { return std::move(census_); }

  private:
    struct Stage {
        int fd;
        int other;  // of flows: the table of those that are promoted, or are not
        BatchReader reader;
        TableUse use;
        std::function<void(Stage &)> look;  // at the batch; may be empty
    };

    void add_plain(const NamedMap &map, int other = -1, std::function<void(Stage &)> look = {}) {
        bpf_map_info info{};
        std::uint32_t length = sizeof info;
        // a map that tells nothing about itself cannot be read either: the reader will say so
        static_cast<void>(bpf_obj_get_info_by_fd(map.fd, &info, &length));
        const bool of_flows = static_cast<bool>(look);
        stages_.push_back({map.fd,
                           other,
                           BatchReader(map, info.key_size, info.value_size, kCollectBatch),
                           {map.name, of_flows, 0, info.max_entries},
                           std::move(look)});
    }

    // Without a flow log they have room for one, and nobody uses it.
    void add_accounts(const NamedMap &map) {
        add_plain(map);
        if (stages_.back().use.capacity <= 1)
            stages_.pop_back();
    }

    template <typename Tuple>
    void add_flows(const NamedMap &map, int other) {
        add_plain(map, other, [this](Stage &stage) {
            const auto now = data_path_now(replay_);
            for (std::uint32_t i = 0; i < stage.reader.size(); ++i)
                look_at(stage, stage.reader.key<Tuple>(i), stage.reader.value<EntryOf<Tuple>>(i),
                        now);
        });
    }

    template <typename Tuple>
    void look_at(Stage &stage, const Tuple &tuple, const EntryOf<Tuple> &entry,
                 std::chrono::nanoseconds now) {
        const std::uint8_t protocol = tuple.head.protocol;
        const weir_flow &flow = head_of(entry);
        const bool over = is_expired(settings_, protocol, flow, now);
        // either direction keeps the flow: the one that has packets makes the other young again
        if (over && !peer_lives(stage, answer_of(protocol, entry), flow, now)) {
            stage.use.entries -= remove(stage.fd, tuple, flow, now) ? 1U : 0U;
            return;
        }
        if (!is_reply(flow) && flow.state != WEIR_FLOW_CLOSED)
            ++census_.flows[flow.backend];
    }

    template <typename Tuple>
    bool peer_lives(const Stage &stage, const Tuple &answer, const weir_flow &flow,
                    std::chrono::nanoseconds now) const {
        for (const int fd : {stage.fd, stage.other}) {
            EntryOf<Tuple> entry{};
            if (bpf_map_lookup_elem(fd, &answer, &entry) != 0)
                continue;
            const weir_flow &peer = head_of(entry);
            // another flow of that tuple keeps nothing of this one
            if (is_reply(peer) != is_reply(flow) && peer.service == flow.service &&
                peer.backend == flow.backend &&
                !is_expired(settings_, answer.head.protocol, peer, now))
                return true;
        }
        return false;
    }

    // Unless a packet has come meanwhile. Between this look and the deletion one still may; it
    // finds the flow by its other direction, or counts as one that belongs to no flow.
    template <typename Tuple>
    bool remove(int fd, const Tuple &tuple, const weir_flow &flow, std::chrono::nanoseconds now) {
        EntryOf<Tuple> current{};
        if (bpf_map_lookup_elem(fd, &tuple, &current) != 0)
            return true;  // somebody else has
        if (head_of(current).refreshed != flow.refreshed ||
            !is_expired(settings_, tuple.head.protocol, head_of(current), now) ||
            bpf_map_delete_elem(fd, &tuple) != 0)
            return false;
        ++census_.removed;
        return true;
    }

    weir_settings settings_;
    int replay_;
    std::vector<Stage> stages_;
    std::size_t stage_ = 0;
    Census census_;
};

Collector::Collector(const Tables &tables) : tables_(tables) {}
Collector::~Collector() = default;
Collector::Collector(Collector &&) noexcept = default;
Collector &Collector::operator=(Collector &&) noexcept = default;

Result<bool> Collector::step(std::chrono::nanoseconds budget) {
    auto done = advance(budget);
    if (!done)
        walk_.reset();
    return done;
}

Result<bool> Collector::advance(std::chrono::nanoseconds budget) {
    const auto end = std::chrono::steady_clock::now() + budget;
    if (!walk_) {
        const auto settings = tables_.settings();
        if (!settings)
            return tl::make_unexpected(settings.error());
        walk_ = std::make_unique<Walk>(tables_.maps(), *settings);
    }
    do {
        auto more = walk_->next();
        if (!more)
            return more;
        if (!*more) {
            census_ = walk_->take();
            walk_.reset();
            return true;
        }
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

}  // namespace weir
