// What became of the last frames, so that one that differs is told with those of its flow before
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lb/net/address.h"
#include "lb/replay/engine.h"

namespace weir {

// The two ends of a TCP segment or UDP datagram; none for anything else, for later fragments and
// behind IPv6 extension headers.
struct Ends {
    Endpoint source;
    Endpoint destination;
};
std::optional<Ends> ends_of(std::span<const std::uint8_t> frame);

class PacketHistory {
  public:
    // The frame of this number, from 1.
    void add(std::uint64_t index, const Frame &in, const Outcome &outcome);
    // The frames of the flow that the last one belongs to, without it: up to five, the latest last.
    std::vector<std::string> lines(Resolution resolution) const;

  private:
    struct Entry {
        std::uint64_t index = 0;
        std::chrono::nanoseconds time{};
        PacketHook hook{};
        Verdict verdict{};
        FlowTrace flow{};
        std::optional<std::string> reason, service, backend;
        std::optional<Endpoint> client;
    };
    static std::string line(const Entry &entry, Resolution resolution);

    std::vector<Entry> entries_;  // a ring
    std::size_t next_ = 0;
};

}  // namespace weir
