// What the data path tells of flows and drops (bpf/event.h), taken out of its ring buffer.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "bpf/abi.h"
#include "lb/config/config.h"
#include "lb/net/address.h"
#include "lb/result.h"

struct ring_buffer;

namespace weir {

enum class EventKind { opened, established, closed, dropped };
std::string_view to_string(EventKind kind);  // "opened", "established", "closed", "dropped"

struct FlowEvent {
    std::chrono::nanoseconds time{};  // CLOCK_MONOTONIC; right to some milliseconds
    EventKind kind = EventKind::opened;
    std::uint8_t protocol = 0;  // of IP
    Endpoint client;            // of a packet without a flow: its source
    Endpoint vip;               // its destination
    std::optional<Endpoint> backend{};
    std::optional<Endpoint> snat{};  // whom the backend sees, where that is not the client
    std::optional<std::uint32_t> service_id{}, backend_id{};
    std::optional<std::uint8_t> reason{};  // of a drop: enum weir_drop_reason
    bool reply = false;                    // the packet came from the backend
    unsigned ifindex = 0;                  // where it came, or at egress where it went
    std::uint32_t length = 0;              // of its frame, bytes
    std::uint8_t tcp_flags = 0;            // FIN 1, SYN 2, RST 4, ACK 16
};

FlowEvent to_event(const weir_event &event);

// The only reader of the ring.
class EventRing {
  public:
    // `fd`: the map `events`; only needed during the call. Exit::refused.
    static Result<EventRing> open(int fd);

    // Visits what there is. Nothing wakes a reader up: it has to look.
    Result<void> take(const std::function<void(const FlowEvent &)> &visit);

  private:
    struct Deleter {
        void operator()(ring_buffer *ring) const;
    };
    // The library keeps the address of it.
    struct Inside {
        std::unique_ptr<ring_buffer, Deleter> ring;
        const std::function<void(const FlowEvent &)> *visit = nullptr;
    };
    explicit EventRing(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

    std::unique_ptr<Inside> inside_;
};

}  // namespace weir
