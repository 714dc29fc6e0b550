#include "lb/dataplane/event_ring.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

#include "lb/dataplane/map_access.h"

namespace weir {

static_assert(static_cast<int>(EventKind::opened) == WEIR_EVENT_OPENED);
static_assert(static_cast<int>(EventKind::established) == WEIR_EVENT_ESTABLISHED);
static_assert(static_cast<int>(EventKind::closed) == WEIR_EVENT_CLOSED);
static_assert(static_cast<int>(EventKind::dropped) == WEIR_EVENT_DROPPED);

std::string_view to_string(EventKind kind) {
    switch (kind) {
        case EventKind::opened:
            return "opened";
        case EventKind::established:
            return "established";
        case EventKind::closed:
            return "closed";
        case EventKind::dropped:
            break;
    }
    return "dropped";
}

FlowEvent to_event(const weir_event &event) {
    const Endpoint source{from_abi(event.saddr), ntohs(event.sport)};
    const Endpoint destination{from_abi(event.daddr), ntohs(event.dport)};
    const Endpoint new_source{from_abi(event.new_saddr), ntohs(event.new_sport)};
    const Endpoint new_destination{from_abi(event.new_daddr), ntohs(event.new_dport)};
    FlowEvent to;
    to.time = std::chrono::nanoseconds(event.time);
    to.kind = static_cast<EventKind>(event.kind);
    to.protocol = event.protocol;
    to.reply = event.flow != 0 && event.direction == WEIR_REPLY;
    to.client = to.reply ? new_destination : source;
    to.vip = to.reply ? new_source : destination;
    if (event.flow != 0) {
        const Endpoint &seen = to.reply ? destination : new_source;
        to.backend = to.reply ? source : new_destination;
        if (seen != to.client)
            to.snat = seen;
    }
    if (event.service != WEIR_NO_SERVICE)
        to.service_id = event.service;
    if (event.backend != WEIR_NO_BACKEND)
        to.backend_id = event.backend;
    if (event.reason != WEIR_DROP_NONE)
        to.reason = event.reason;
    to.ifindex = event.ifindex;
    to.length = event.length;
    to.tcp_flags = event.tcp_flags;
    return to;
}

void EventRing::Deleter::operator()(ring_buffer *ring) const {
    ring_buffer__free(ring);
}

Result<EventRing> EventRing::open(int fd) {
    auto inside = std::make_unique<Inside>();
    const auto visit = [](void *self, void *data, std::size_t size) {
        weir_event event{};
        if (size < sizeof event)
            return 0;
        std::memcpy(&event, data, sizeof event);
        (*static_cast<Inside *>(self)->visit)(to_event(event));
        return 0;
    };
    inside->ring.reset(ring_buffer__new(fd, visit, inside.get(), nullptr));
    if (!inside->ring)
        return map_error("events", "listen", errno);
    return EventRing(std::move(inside));
}

Result<void> EventRing::take(const std::function<void(const FlowEvent &)> &visit) {
    inside_->visit = &visit;
    const int taken = ring_buffer__consume(inside_->ring.get());
    inside_->visit = nullptr;
    if (taken < 0)
        return map_error("events", "read", -taken);
    return {};
}

}  // namespace weir
