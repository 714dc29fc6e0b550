// What went through each flow (bpf/account.h), when it has ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "lb/dataplane/tables.h"
#include "lb/result.h"

namespace weir {

enum class FlowEnd {
    closed,   // both ends have sent their FIN
    reset,    // one has sent an RST
    idle,     // for longer than its timeout
    removed,  // evicted for want of room, deleted, or ended with its backend
};
std::string_view to_string(FlowEnd end);  // "closed", "reset", "idle", "removed"

struct FlowTraffic {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;  // of whole frames without FCS
};

// A flow that has ended.
struct FlowRecord {
    Protocol protocol = Protocol::tcp;
    Endpoint client;
    Endpoint vip;
    Endpoint backend;
    std::optional<Endpoint> snat;  // whom the backend saw, where that was not the client
    std::uint32_t service_id = 0;
    FlowState state = FlowState::fresh;  // the last one that is known
    FlowEnd end = FlowEnd::closed;
    std::chrono::nanoseconds opened{};  // first packet, CLOCK_MONOTONIC; right to milliseconds
    std::chrono::nanoseconds last{};    // last packet
    FlowTraffic forward, reply;
};

// Walks over the accounts, finds those whose flow has ended, and closes them.
class Accounts {
  public:
    explicit Accounts(const Tables &tables);
    ~Accounts();
    Accounts(const Accounts &) = delete;
    Accounts &operator=(const Accounts &) = delete;
    Accounts(Accounts &&) = delete;
    Accounts &operator=(Accounts &&) = delete;

    // Goes on with a walk, or begins one, for about `budget`: a batch more at most. True when the
    // walk is complete; after an error the next call begins a new one.
    Result<bool> step(std::chrono::nanoseconds budget,
                      const std::function<void(const FlowRecord &)> &ended);

  private:
    class Walk;

    Tables tables_;
    std::unique_ptr<Walk> walk_;
};

}  // namespace weir
