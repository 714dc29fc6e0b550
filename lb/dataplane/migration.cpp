#include "lb/dataplane/migration.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "lb/dataplane/flow_table.h"
#include "lb/dataplane/known.h"
#include "lb/dataplane/map_access.h"
#include "lb/dataplane/merge.h"
#include "lb/dataplane/program_ids.h"

namespace weir {

namespace {

constexpr std::uint32_t kMoveBatch = 4096;

// New ones and those that were promoted, of either family.
constexpr int kFlowTables = 4;

// Before it, entries had other fields.
constexpr std::uint32_t kOldestAbi = 7;

// Filled by this start itself; or of no use to another.
constexpr std::array<std::string_view, 10> kNotCopied{
    "settings", "snat_addresses", "rings", "held",   "xdp_devices",
    "capture",  "captured",       "watch", "events", "event_stats"};

// As Tables::write_settings() does for services between IPv4 and IPv6.
Result<void> expect_family_changes(int settings) {
    const NamedMap map{settings, "settings"};
    weir_settings value{};
    return get(map, kOnly, value).and_then([&] {
        value.changes_family = 1;
        return put(map, kOnly, value, "write");
    });
}

// The kernel gives a value per CPU, each in a multiple of eight bytes.
std::size_t stride(std::size_t value_size) {
    return (value_size + 7) / 8 * 8;
}

}  // namespace

std::optional<Migration::Kind> Migration::kind_of(const std::string &name, std::uint32_t type) {
    if (std::find(kNotCopied.begin(), kNotCopied.end(), name) != kNotCopied.end())
        return std::nullopt;
    if (name == "service_latencies")
        return Kind::counters;
    switch (type) {
        case BPF_MAP_TYPE_HASH:
        case BPF_MAP_TYPE_LPM_TRIE:
        case BPF_MAP_TYPE_ARRAY:
            return Kind::settled;
        case BPF_MAP_TYPE_LRU_HASH:
            return name.substr(0, 5) == "flows" ? Kind::flows : Kind::learnt;
        case BPF_MAP_TYPE_PERCPU_ARRAY:
            return Kind::counters;
        default:
            return std::nullopt;
    }
}

Result<Migration> Migration::prepare(const std::filesystem::path &from, const Objects &to,
                                     MigrationScope scope) {
    if (const auto abi = pinned_abi(from); abi && *abi != 0 && *abi < kOldestAbi)
        return fail(
            Exit::refused,
            fmt::format("{}: flows of ABI {} cannot be taken over: run `weir detach` first; it "
                        "ends the flows in them",
                        from.string(), *abi));
    Migration migration;
    for (const Table &table : to.pinned()) {
        auto old = OldMap::open(from / table.name);
        if (old && old->info().id == map_id_of(table.fd))
            continue;
        if (table.name == "known_addresses") {
            migration.unknown_ = table.fd;
            continue;
        }
        if (table.name == "settings")
            migration.settings_ = table.fd;
        if (old && table.name == "settings" && old->field("changes_family").value_or(0) != 0)
            migration.changing_ = true;
        if (!old)
            continue;
        const auto kind = kind_of(table.name, old->info().type);
        if (!kind || (scope == MigrationScope::flows && *kind != Kind::flows))
            continue;
        const auto siblings =
            *kind == Kind::flows ? std::optional(siblings_of(table, to)) : std::nullopt;
        if (auto added = migration.add(std::move(*old), table, siblings, *kind); !added)
            return fail(Exit::refused,
                        fmt::format("{}: table {}: {}: run `weir detach` first; it ends the flows "
                                    "in them",
                                    from.string(), table.name, added.error().message));
    }
    return migration;
}

Result<void> Migration::add(OldMap from, const Table &to, std::optional<Siblings> siblings,
                            Kind kind) {
    bpf_map_info info{};
    std::uint32_t length = sizeof info;
    if (bpf_obj_get_info_by_fd(to.fd, &info, &length) != 0)
        return map_error(to.name, "look at it", errno);
    auto key = from.key_to(to.types, to.key_type, info.key_size);
    if (!key)
        return tl::make_unexpected(key.error());
    auto value = from.value_to(to.types, to.value_type, info.value_size);
    if (!value)
        return tl::make_unexpected(value.error());
    pairs_.push_back({kind,
                      to,
                      siblings,
                      info.max_entries,
                      std::move(from),
                      std::move(*key),
                      std::move(*value),
                      {}});
    return {};
}

// Whether the new tables have flows between IPv4 and IPv6, or may have.
bool Migration::changes_family() const {
    weir_settings value{};
    return !get(NamedMap{settings_, "settings"}, kOnly, value) || value.changes_family != 0;
}

bool Migration::moves_flows() const {
    return std::any_of(pairs_.begin(), pairs_.end(),
                       [](const Pair &pair) { return pair.kind == Kind::flows; });
}

// Whether one of the tables of flows is the old one: packets change it from the start.
bool Migration::shares_flows() const {
    return std::count_if(pairs_.begin(), pairs_.end(),
                         [](const Pair &pair) { return pair.kind == Kind::flows; }) < kFlowTables;
}

Result<std::size_t> Migration::copy_entries(const Pair &pair, std::optional<std::uint32_t> since,
                                            NewTables tables) const {
    const bool is_flow = pair.kind == Kind::flows;
    if (tables == NewTables::copied && shares_flows())
        tables = NewTables::mixed;
    BatchReader reader({pair.from.fd(), pair.to.name}, pair.key.from_size(), pair.value.from_size(),
                       kMoveBatch);
    std::vector<std::byte> key(pair.key.to_size());
    std::vector<std::byte> value(pair.value.to_size());
    auto siblings = pair.siblings;
    if (siblings && !changes_family())
        siblings->crossed = {-1, -1};
    std::size_t copied = 0;
    while (true) {
        const auto more = reader.next();
        if (!more || !*more)
            return more.map([&](bool) { return copied; });
        for (std::uint32_t i = 0; i < reader.size(); i++) {
            pair.value.apply(reader.value_bytes(i), value.data());
            weir_flow flow{};
            if (is_flow) {
                std::memcpy(&flow, value.data(), sizeof flow);
                flow.flags |= WEIR_FLOW_BROUGHT;
                std::memcpy(value.data(), &flow, sizeof flow);
            }
            if (is_flow && since && static_cast<std::int32_t>(flow.refreshed - *since) < 0)
                continue;
            pair.key.apply(reader.key_bytes(i), key.data());
            const auto put =
                put_entry(pair.to, siblings ? &*siblings : nullptr, tables, key, value);
            if (!put)
                return tl::make_unexpected(put.error());
            if (*put)
                copied++;
        }
    }
}

Result<void> Migration::copy_array(const Pair &pair) {
    std::vector<std::byte> was(pair.value.from_size());
    std::vector<std::byte> value(pair.value.to_size());
    for (std::uint32_t i = 0; i < std::min(pair.entries, pair.from.info().max_entries); i++) {
        if (bpf_map_lookup_elem(pair.from.fd(), &i, was.data()) != 0)
            return map_error(pair.to.name, "read", errno);
        pair.value.apply(was.data(), value.data());
        if (bpf_map_update_elem(pair.to.fd, &i, value.data(), BPF_ANY) != 0)
            return map_error(pair.to.name, "take over an entry", errno);
    }
    return {};
}

// One, or one per CPU.
std::size_t Migration::values_of_entry(const Pair &pair) {
    return pair.from.info().type == BPF_MAP_TYPE_PERCPU_ARRAY
               ? static_cast<std::size_t>(libbpf_num_possible_cpus())
               : 1;
}

// Converted: the numbers of every value of every entry.
Result<std::vector<std::uint64_t>> Migration::read_counters(const Pair &pair) {
    const std::size_t words = stride(pair.value.to_size()) / sizeof(std::uint64_t);
    const std::uint32_t entries = std::min(pair.entries, pair.from.info().max_entries);
    const std::size_t values = values_of_entry(pair);
    std::vector<std::byte> was(stride(pair.value.from_size()) * values);
    std::vector<std::uint64_t> all(words * values * entries);
    for (std::uint32_t i = 0; i < entries; i++) {
        if (bpf_map_lookup_elem(pair.from.fd(), &i, was.data()) != 0)
            return map_error(pair.to.name, "read", errno);
        for (std::size_t one = 0; one < values; one++)
            pair.value.apply(was.data() + one * stride(pair.value.from_size()),
                             reinterpret_cast<std::byte *>(&all[(i * values + one) * words]));
    }
    return all;
}

// What was counted in the old table beyond pair.counted. A packet that is counted in the same
// microsecond may be lost to the count.
Result<void> Migration::add_counters(const Pair &pair, const std::vector<std::uint64_t> &now) {
    const std::size_t width =
        stride(pair.value.to_size()) / sizeof(std::uint64_t) * values_of_entry(pair);
    std::vector<std::uint64_t> value(width);
    for (std::uint32_t i = 0; i < now.size() / width; i++) {
        const auto *after = &now[i * width];
        const auto *before = pair.counted.empty() ? nullptr : &pair.counted[i * width];
        const auto added = [&](std::size_t word) {
            return after[word] - (before == nullptr ? 0 : before[word]);
        };
        bool any = false;
        for (std::size_t word = 0; word < width; word++)
            any = any || added(word) != 0;
        if (!any)
            continue;
        if (bpf_map_lookup_elem(pair.to.fd, &i, value.data()) != 0)
            return map_error(pair.to.name, "read", errno);
        for (std::size_t word = 0; word < width; word++)
            value[word] += added(word);
        if (bpf_map_update_elem(pair.to.fd, &i, value.data(), BPF_ANY) != 0)
            return map_error(pair.to.name, "take over counters", errno);
    }
    return {};
}

Result<void> Migration::copy(NewTables tables) {
    copied_at_ = data_path_now(-1);
    auto marked = unknown_ ? mark_all_known(*unknown_) : Result<void>();
    if (marked && changing_)
        marked = expect_family_changes(settings_);
    if (!marked)
        return marked;
    for (Pair &pair : pairs_) {
        Result<void> done;
        if (pair.kind == Kind::counters) {
            auto now = read_counters(pair);
            done = now.map([](const auto &) {}).and_then([&] { return add_counters(pair, *now); });
            if (now)
                pair.counted = std::move(*now);
        } else if (pair.from.info().type == BPF_MAP_TYPE_ARRAY) {
            done = copy_array(pair);
        } else {
            done = copy_entries(pair, std::nullopt, tables).map([](std::size_t) {});
        }
        if (!done)
            return done;
    }
    return {};
}

Result<std::size_t> Migration::copy_rest(NewTables tables) {
    std::size_t copied = 0;
    // an entry that is older has met no packet since, for that would have made it young
    const auto since = to_ticks(copied_at_) - 2 * WEIR_REFRESH_TICKS;
    copied_at_ = data_path_now(-1);
    for (Pair &pair : pairs_) {
        if (pair.kind == Kind::counters) {
            auto now = read_counters(pair);
            auto done =
                now.map([](const auto &) {}).and_then([&] { return add_counters(pair, *now); });
            if (!done)
                return tl::make_unexpected(done.error());
            pair.counted = std::move(*now);
        } else if (pair.kind == Kind::flows) {
            auto more = copy_entries(pair, since, tables);
            if (!more)
                return more;
            copied += *more;
        }
    }
    return copied;
}

}  // namespace weir
