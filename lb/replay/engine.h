// Runs the programs of the data path on one frame after the other, in the kernel, through
// BPF_PROG_TEST_RUN, with tables that the daemon's own code built from a configuration.
#pragma once

#include <sched.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/replay_world.h"
#include "lb/dataplane/verdict.h"
#include "lb/model/roster.h"
#include "lb/replay/capture.h"
#include "lb/result.h"

namespace weir {

enum class FlowTrace { none, opened, established, reply };

std::string_view to_string(FlowTrace flow);  // "none", "new", "established", "reply"

// What became of a frame.
struct Outcome {
    PacketHook hook = PacketHook::xdp_ingress;
    Verdict verdict = Verdict::pass;
    std::optional<std::string> reason;   // of a drop
    std::optional<std::string> service;  // by name
    std::optional<std::string> backend;  // "198.51.100.11:8443"
    FlowTrace flow = FlowTrace::none;
    Frame frame;                       // as the data path left it; empty when it was dropped
    std::chrono::nanoseconds spent{};  // in the programs, as the kernel measured it
};

// The hook that frames enter by: that of the first interface. `auto`, and a configuration without
// interfaces, mean XDP.
PacketHook ingress_hook(const Config &config);

// Keeps the thread on one CPU: LRU tables and counters are per CPU, and a replay is to be the same
// every time.
class CpuPin {
  public:
    // On the one of this number of those that the thread may use; they are counted round.
    explicit CpuPin(unsigned number = 0);
    ~CpuPin();
    CpuPin(const CpuPin &) = delete;
    CpuPin &operator=(const CpuPin &) = delete;
    CpuPin(CpuPin &&) = delete;
    CpuPin &operator=(CpuPin &&) = delete;

  private:
    cpu_set_t before_{};
    bool pinned_ = false;
};

class Engine {
  public:
    // Loads the data path, attached to nothing. Exit::refused when the system does not let it.
    static Result<Engine> create(const Config &config);

    // Services and settings as they are wanted from now on, by the daemon's own code; flows stay.
    Result<void> configure(const Config &config, const Conditions &conditions);
    // Of a service, or of one of its backends. None when there is no such name.
    Result<std::optional<Counters>> counters(const std::string &service,
                                             const std::optional<std::string> &backend);
    Result<DropCounters> drops() { return objects_.tables().drop_counters(); }

    // Runs one frame, at this time of the data path. Frames are meant to come in the order of their
    // time. Fails when the kernel refuses the run, or with what no data path may answer (aborted):
    // a defect.
    Result<Outcome> run(const Frame &frame, std::chrono::nanoseconds now);
    // The same at the frame's own time.
    Result<Outcome> run(const Frame &frame) { return run(frame, frame.time); }

  private:
    // One program and what the kernel's test run of it takes.
    struct Program {
        int fd = -1;
        std::size_t most = 0;  // bytes of a frame that it is run on
    };

    Engine(Objects objects, ReplayWorld world)
        : objects_(std::move(objects)), world_(std::move(world)) {}
    void name_everything(const Config &config, const TableState &state);
    PacketHook hook_of(const Frame &frame) const;
    Result<std::uint32_t> test_run(PacketHook hook, Outcome &outcome);
    void explain(Outcome &outcome);
    Result<void> run_hook(PacketHook hook, Outcome &outcome);
    Result<void> run_ingress(Outcome &outcome);

    Objects objects_;
    ReplayWorld world_;
    MacAddress mac_;
    PacketHook ingress_ = PacketHook::xdp_ingress;
    Program xdp_program_;  // only with XDP
    Program ingress_program_;
    Program egress_program_;
    std::unordered_map<std::uint32_t, std::string> services_;  // id -> name
    std::unordered_map<std::uint32_t, std::string> backends_;  // id -> address and port
    std::vector<std::uint8_t> buffer_;
};

}  // namespace weir
