// The data path's programs, run on single frames by BPF_PROG_TEST_RUN with the world of a replay:
// the clock is the test's, a next hop a.b.c.d is at 02:00:a:b:c:d.
#pragma once

#include <sched.h>

#include <chrono>
#include <iosfwd>
#include <string>

#include "lb/config/config.h"
#include "lb/dataplane/fd.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/replay_world.h"
#include "lb/dataplane/tables.h"
#include "tests/support/frame.h"

namespace weir::test {

enum class Entry { xdp_ingress, tc_ingress, tc_egress };
std::string to_string(Entry entry);
void PrintTo(Entry entry, std::ostream *out);  // for GoogleTest

enum class Verdict { pass, forward, drop, other };
std::string to_string(Verdict verdict);

struct Outcome {
    Verdict verdict = Verdict::other;
    Bytes frame;  // as the program left it
    weir_trace trace{};
};

// Why no BPF program can be loaded here; empty when one can.
std::string why_not_runnable();

// Holds this thread on one CPU as long as it lives: for what the data path counts per CPU, and for
// LRU tables, which before Linux 6.16 give a CPU 128 free entries at a time: others then evict from
// a table of the size that tests have while it is almost empty.
class OneCpu {
  public:
    OneCpu();
    ~OneCpu();
    OneCpu(const OneCpu &) = delete;
    OneCpu &operator=(const OneCpu &) = delete;
    OneCpu(OneCpu &&) = delete;
    OneCpu &operator=(OneCpu &&) = delete;

  private:
    cpu_set_t before_{};
};

class DataPath {
  public:
    // The tables are those of the configuration, given as YAML.
    explicit DataPath(const std::string &yaml);
    ~DataPath();
    DataPath(const DataPath &) = delete;
    DataPath &operator=(const DataPath &) = delete;
    DataPath(DataPath &&) = delete;
    DataPath &operator=(DataPath &&) = delete;

    // At the time set by advance(); verdicts of XDP and TC in one vocabulary. What XDP passes meets
    // TC ingress next, as on an interface. `came_by`: at egress, the interface that the frame came
    // from; 0 when it is a program's on this host.
    Outcome run(Entry entry, const Bytes &frame, std::uint32_t came_by = 0);
    // At TC ingress, as one skb of segments of `gso_size` bytes of payload that nobody counted.
    Outcome run_segments(const Bytes &frame, std::uint16_t gso_size);
    // What the XDP program itself says, without TC.
    std::uint32_t xdp_action(const Bytes &frame);
    void advance(std::chrono::nanoseconds time);
    // Changes the configuration as a reload does; `limits` must stay.
    void reload(const std::string &yaml);
    // The state of backends, as the daemon's roster gives it.
    void set_conditions(const Conditions &conditions);

    Tables &tables() { return objects_.tables(); }
    const Plan &plan() const { return plan_; }
    const Config &config() const { return config_; }
    Counters service(std::size_t index = 0);
    Counters backend(const Endpoint &endpoint);
    std::uint64_t drops(weir_drop_reason reason);
    std::uint64_t all_drops();
    std::uint64_t icmp(weir_icmp_event event);

    // The descriptor of a map of the data path, by its name in maps.h and maps_observe.h; the
    // caller's to close.
    Fd map(const std::string &name);

  private:
    Outcome run_program(Entry entry, const Bytes &frame, std::uint32_t came_by,
                        std::uint16_t gso_size = 0);

    OneCpu one_cpu_;
    Config config_;
    Objects objects_;
    ReplayWorld world_;
    Plan plan_;
    std::chrono::nanoseconds now_{std::chrono::hours(1)};
};

// The MAC address under which a replay's next hop is found.
MacAddress hop_mac(const Address &address);

}  // namespace weir::test
