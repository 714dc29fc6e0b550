// The packet programs under BPF_PROG_TEST_RUN, on an interface of their own, as they run for real:
// time is the kernel's, next hops are the FIB's. Each round of a run gets its frame back as it
// came.
#pragma once

#include <memory>
#include <string>

#include "lb/config/config.h"
#include "lb/dataplane/objects.h"
#include "tests/support/frame.h"

struct weir_floor;

namespace weir::test {

enum class Attached { xdp, tc_ingress, tc_egress };

// Programs that are run in turn.
enum class Beside { weir, floor, reference, inserts };

// What the wrapper gives them: a frame, or so many flows in turn, told apart by their source
// address.
struct Traffic {
    Bytes frame;
    std::uint32_t flows = 1;
};

// An interface lb0 at the end of a cable, by which everything is reached, neighbours known. Of the
// calling thread's network namespace: the benchmark's own.
void make_interface();

class TestRun {
  public:
    // The tables are those of the configuration, given as YAML.
    explicit TestRun(const std::string &yaml);
    ~TestRun();
    TestRun(const TestRun &) = delete;
    TestRun &operator=(const TestRun &) = delete;
    TestRun(TestRun &&) = delete;
    TestRun &operator=(TestRun &&) = delete;

    // One frame through one of Weir's programs: whether it was sent on, and how it left.
    struct Sent {
        bool forwarded;
        Bytes frame;
    };
    Sent send(Attached at, const Bytes &frame);
    // ns that a frame takes, all in all, the wrapper included: CPU time of `repeat` frames.
    double cost(Attached at, Beside program, const Traffic &traffic, std::uint32_t repeat);
    // As the verifier counts them: those that it went through, and those of the program.
    struct Size {
        std::uint32_t verified;
        std::uint32_t translated;
    };
    Size size(Attached at);

  private:
    int weir_program(Attached at);
    void enter_key(const Traffic &traffic);

    Config config_;
    Objects objects_;
    std::unique_ptr<weir_floor, void (*)(weir_floor *)> floor_;
    unsigned ifindex_;
    Bytes entered_;  // the frame that the reference knows
};

}  // namespace weir::test
