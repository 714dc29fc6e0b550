#include "lb/dataplane/host_changes.h"

#include <algorithm>

#include "lb/dataplane/map_access.h"

namespace weir {

namespace {

constexpr const char *kName = "host_changes";

enum Kind : std::uint32_t { kAddress = 1, kPorts = 2 };

// The map is the control plane's alone: no program reads it.
struct Note {
    std::uint32_t kind;
    std::uint32_t number;  // ifindex; or the first port, and the last in the upper half
    weir_address address;
};
static_assert(sizeof(Note) == 24);

// A set of ports has at most half as many ranges.
constexpr std::uint32_t kMostNotes = 65536;
constexpr std::uint8_t kThere = 1;

Note to_note(const AddedAddress &added) {
    return {kAddress, added.ifindex, to_abi(added.address)};
}

Note to_note(const PortRange &range) {
    return {kPorts, range.first | std::uint32_t{range.last} << 16U, {}};
}

NamedMap named(const Fd &map) {
    return {map.get(), kName};
}

}  // namespace

Result<HostChanges> HostChanges::open(const std::filesystem::path &folder) {
    const auto path = folder / kName;
    Fd map(bpf_obj_get(path.c_str()));
    if (map)
        return HostChanges(std::move(map));
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
    map = Fd(bpf_map_create(BPF_MAP_TYPE_HASH, "weir_host", sizeof(Note), sizeof kThere, kMostNotes,
                            &options));
    if (!map || bpf_obj_pin(map.get(), path.c_str()) != 0)
        return map_error(kName, "make it", errno);
    return HostChanges(std::move(map));
}

Result<std::vector<AddedAddress>> HostChanges::addresses() const {
    std::vector<AddedAddress> all;
    return for_each<Note, std::uint8_t>(
               named(map_),
               [&](const Note &note, std::uint8_t) {
                   if (note.kind == kAddress)
                       all.push_back({note.number, from_abi(note.address)});
               })
        .map([&] {
            std::sort(all.begin(), all.end());
            return all;
        });
}

Result<void> HostChanges::note(const AddedAddress &added) {
    return put(named(map_), to_note(added), kThere, "note an address");
}

Result<void> HostChanges::forget(const AddedAddress &added) {
    return erase(named(map_), to_note(added), "forget an address");
}

Result<PortSet> HostChanges::ports() const {
    std::vector<PortRange> ranges;
    return for_each<Note, std::uint8_t>(
               named(map_),
               [&](const Note &note, std::uint8_t) {
                   if (note.kind == kPorts)
                       ranges.push_back({static_cast<std::uint16_t>(note.number & 0xffffU),
                                         static_cast<std::uint16_t>(note.number >> 16U)});
               })
        .map([&] { return PortSet(ranges); });
}

Result<void> HostChanges::note(const PortSet &reserved) {
    return for_all(reserved.ranges(), [&](const PortRange &range) {
        return put(named(map_), to_note(range), kThere, "note ports");
    });
}

Result<void> HostChanges::keep(const PortSet &reserved) {
    const auto ranges = reserved.ranges();
    std::vector<Note> gone;
    return for_each<Note, std::uint8_t>(
               named(map_),
               [&](const Note &note, std::uint8_t) {
                   const bool kept =
                       note.kind != kPorts ||
                       std::any_of(ranges.begin(), ranges.end(), [&](const PortRange &range) {
                           return to_note(range).number == note.number;
                       });
                   if (!kept)
                       gone.push_back(note);
               })
        .and_then([&] { return note(reserved); })
        .and_then([&] {
            return for_all(
                gone, [&](const Note &one) { return erase(named(map_), one, "forget ports"); });
        });
}

}  // namespace weir
