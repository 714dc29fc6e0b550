// Filters as pcap-filter(7) has them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lb/replay/capture.h"
#include "lb/result.h"

struct bpf_program;

namespace weir {

// For a live capture; empty: everything. Exit::usage when the filter is none.
Result<void> set_filter(pcap *handle, const std::string &filter);

// For Ethernet frames that come from elsewhere.
class FrameFilter {
  public:
    static Result<FrameFilter> compile(const std::string &filter);

    bool matches(const Frame &frame) const;

  private:
    struct Deleter {
        void operator()(bpf_program *program) const;
    };
    using Program = std::unique_ptr<bpf_program, Deleter>;
    explicit FrameFilter(Program program) : program_(std::move(program)) {}

    Program program_;
};

}  // namespace weir
