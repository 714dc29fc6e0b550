// The data path's programs, run on single frames by BPF_PROG_TEST_RUN with the world of a replay:
// the clock is the test's, a next hop a.b.c.d is at 02:00:a:b:c:d.
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "lb/config/config.h"
#include "lb/dataplane/objects.h"
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

// Why the programs cannot run here (no privilege, no kernel support); empty when they can.
std::string why_not_runnable();

class DataPath {
  public:
    // The tables are those of the configuration, given as YAML.
    explicit DataPath(const std::string &yaml);

    // At the time set by advance(); verdicts of XDP and TC in one vocabulary. What XDP passes meets
    // TC ingress next, as on an interface.
    Outcome run(Entry entry, const Bytes &frame);
    void advance(std::chrono::nanoseconds time);

    Tables &tables() { return objects_.tables(); }
    const Plan &plan() const { return plan_; }
    const Config &config() const { return config_; }
    Counters service(std::size_t index = 0);
    Counters backend(const Endpoint &endpoint);
    std::uint64_t drops(weir_drop_reason reason);

  private:
    Outcome run_program(Entry entry, const Bytes &frame);

    Config config_;
    Objects objects_;
    Plan plan_;
    std::chrono::nanoseconds now_{std::chrono::hours(1)};
};

// The MAC address under which a replay's next hop is found.
MacAddress hop_mac(const Address &address);

}  // namespace weir::test
