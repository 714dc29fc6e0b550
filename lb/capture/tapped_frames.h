// Makes frames of the events that the data path tells (struct weir_captured): what a program got
// and what it left belong together.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"
#include "lb/capture/taps.h"

namespace weir {

class TappedFrames {
  public:
    // `snaplen`: bytes that a frame has at most, with its VLAN tag put back.
    explicit TappedFrames(std::uint32_t snaplen) : snaplen_(snaplen) {}

    // Those of one CPU come in their order.
    void add(int cpu, const void *event, std::size_t size);
    // What is complete, by the time at which a program got it; what XDP passed is left out.
    void take(const std::function<void(TappedFrame)> &visit);

  private:
    struct Before {
        std::uint64_t number = 0;
        Frame frame;
    };
    Frame frame_of(const weir_captured &event, const std::uint8_t *bytes) const;

    std::uint32_t snaplen_;
    // By CPU and hook: a program is done with a frame before it gets another.
    std::unordered_map<int, Before> begun_;
    std::vector<TappedFrame> complete_;
};

}  // namespace weir
