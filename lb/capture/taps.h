// Listens to the data path of a running instance: every frame as it comes to one of its programs,
// and as that leaves it (bpf/capture.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lb/dataplane/verdict.h"
#include "lb/replay/capture.h"
#include "lb/result.h"

namespace weir {

struct TapOptions {
    std::string instance;
    std::string interface;      // "any": every one that carries the instance's programs
    std::uint32_t snaplen = 0;  // bytes of a frame that are kept; at most WEIR_CAPTURE_SNAPLEN
};

// A frame that a program has dealt with.
struct TappedFrame {
    PacketHook hook = PacketHook::xdp_ingress;
    unsigned ifindex = 0;
    std::uint32_t answer = 0;  // the program's own
    Verdict verdict = Verdict::pass;
    std::optional<std::string> reason{};  // a drop reason, also of what is answered in its place
    Frame before;
    Frame after;  // as the program left it, whatever becomes of it then
};

class Taps {
  public:
    // Exit::refused when the instance has no programs there or is of another version of Weir, and
    // while another process listens to it.
    static Result<Taps> open(const TapOptions &options);

    ~Taps();
    Taps(Taps &&) noexcept;
    Taps &operator=(Taps &&) noexcept;
    Taps(const Taps &) = delete;
    Taps &operator=(const Taps &) = delete;

    int descriptor() const;  // readable when there are frames
    // The frames that there are, of each CPU in their order. What XDP passed is not told: TC has it
    // next. To be called every second at least: the data path tells nothing to one that went away.
    // Exit::refused when the instance's tables were replaced by others, or taken away.
    Result<void> take(const std::function<void(TappedFrame)> &visit);
    // Events that nobody fetched in time.
    std::uint64_t lost() const;
    // For how long nothing was taken, because take() was called too late.
    std::chrono::nanoseconds missed() const;

  private:
    struct Inside;
    explicit Taps(std::unique_ptr<Inside> inside);

    std::unique_ptr<Inside> inside_;
};

}  // namespace weir
