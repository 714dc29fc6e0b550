#include "lb/capture/tapped_frames.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <utility>

#include "lb/dataplane/tables.h"

namespace weir {

namespace {

constexpr std::size_t kMacs = 12;  // where a VLAN tag goes: behind both addresses

std::chrono::nanoseconds read_clock(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

void insert_vlan(Frame &frame, const weir_captured &event) {
    if (event.vlan_proto == 0 || frame.bytes.size() < kMacs)
        return;
    const std::array<std::uint16_t, 2> fields{event.vlan_proto, htons(event.vlan_tci)};
    std::array<std::uint8_t, sizeof fields> tag{};
    std::memcpy(tag.data(), fields.data(), sizeof fields);
    frame.bytes.insert(frame.bytes.begin() + kMacs, tag.begin(), tag.end());
    frame.wire_length += static_cast<std::uint32_t>(tag.size());
}

}  // namespace

Frame TappedFrames::frame_of(const weir_captured &event, const std::uint8_t *bytes) const {
    Frame frame;
    // read each time: the wall clock may be stepped, and a suspend stops the other one
    const auto offset = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
    frame.time = std::chrono::nanoseconds(static_cast<std::int64_t>(event.time)) + offset;
    frame.wire_length = event.length;
    frame.bytes.assign(bytes, bytes + event.kept);
    insert_vlan(frame, event);
    // readers refuse a frame that is longer than its interface says
    if (frame.bytes.size() > snaplen_)
        frame.bytes.resize(snaplen_);
    return frame;
}

void TappedFrames::add(int cpu, const void *data, std::size_t size) {
    weir_captured event{};
    if (size < sizeof event)
        return;
    std::memcpy(&event, data, sizeof event);
    // the kernel rounds an event's size up
    if (size - sizeof event < event.kept)
        return;
    const auto *bytes = static_cast<const std::uint8_t *>(data) + sizeof event;
    Before &begun = begun_[cpu * WEIR_HOOKS + event.hook];
    if (event.after == 0) {
        begun = {event.number, frame_of(event, bytes)};
        return;
    }
    // other: its beginning was lost, or was before the capture
    if (std::exchange(begun.number, 0) != event.number)
        return;
    TappedFrame done;
    done.hook = static_cast<PacketHook>(event.hook);
    done.verdict = verdict_of(done.hook, event.answer).value_or(Verdict::drop);
    if (done.hook == PacketHook::xdp_ingress && done.verdict == Verdict::pass)
        return;
    done.ifindex = event.ifindex;
    done.answer = event.answer;
    if (event.reason != WEIR_DROP_NONE)
        done.reason = std::string(drop_reason_name(event.reason));
    done.before = std::move(begun.frame);
    done.after = frame_of(event, bytes);
    done.after.time = done.before.time;  // as a replay has it
    complete_.push_back(std::move(done));
}

void TappedFrames::take(const std::function<void(TappedFrame)> &visit) {
    std::stable_sort(complete_.begin(), complete_.end(),
                     [](const TappedFrame &one, const TappedFrame &other) {
                         return one.before.time < other.before.time;
                     });
    for (TappedFrame &one : std::exchange(complete_, {}))
        visit(std::move(one));
}

}  // namespace weir
