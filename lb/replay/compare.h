// Compares what the data path made of a capture with what is expected, and says where they differ
// as a person would: by frame, field and both values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lb/replay/capture.h"
#include "lb/result.h"

namespace weir {

struct FieldDifference {
    std::string field;  // as tshark names it, or "payload at offset N" (of the frame, from 0)
    std::string got;
    std::string expected;
};

// Every field in which two frames differ, in their order; empty when they are the same, time
// included. Of the payload, the first byte that differs.
std::vector<FieldDifference> compare_frames(const Frame &got, const Frame &expected);

// Reads the expected capture beside the frames that come out. Frames are paired by their order;
// where one side has a frame more, the timestamps tell which.
class Comparison {
  public:
    // `ignored`: names of fields (is_named()) that are not compared.
    explicit Comparison(CaptureReader expected, std::vector<std::string> ignored = {})
        : expected_(std::move(expected)), ignored_(std::move(ignored)) {}

    Resolution resolution() const { return expected_.resolution(); }
    // The next frame that came out; `history` gives lines that are told with it if it differs.
    // Fails when the expected capture cannot be read.
    using History = std::function<std::vector<std::string>()>;
    Result<void> add(const Frame &got, const History &history = {});
    // Nothing more comes out.
    Result<void> finish();

    std::uint64_t differences() const { return differences_; }  // frames
    // About the first ten frames that differ, one line each or one per field, and after finish()
    // how many more there are.
    const std::vector<std::string> &report() const { return report_; }

  private:
    Result<void> read_ahead();
    void missing();
    void extra(const Frame &got);
    bool note(std::string line);
    std::vector<FieldDifference> differing(const Frame &got) const;

    CaptureReader expected_;
    std::vector<std::string> ignored_;
    std::optional<Frame> ahead_;  // read, not yet paired
    std::uint64_t expected_index_ = 0;
    std::uint64_t got_index_ = 0;
    std::uint64_t differences_ = 0;
    std::vector<std::string> report_;
};

}  // namespace weir
