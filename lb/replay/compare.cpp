#include "lb/replay/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lb/replay/fields.h"

namespace weir {

namespace {

constexpr std::uint64_t kReported = 10;  // frames that are described

std::string size_of(const Frame &frame) {
    return fmt::format("{} bytes", frame.wire_length);
}

}  // namespace

std::vector<FieldDifference> compare_frames(const Frame &got, const Frame &expected) {
    std::vector<FieldDifference> differences;
    const auto time = [](const Frame &frame) {
        return format_time(frame.time, Resolution::nanoseconds);
    };
    if (got.time != expected.time)
        differences.push_back({"frame.time_epoch", time(got), time(expected)});
    if (got.wire_length != expected.wire_length)
        differences.push_back(
            {"frame.len", std::to_string(got.wire_length), std::to_string(expected.wire_length)});
    if (got.bytes.size() != expected.bytes.size())
        differences.push_back({"frame.cap_len", std::to_string(got.bytes.size()),
                               std::to_string(expected.bytes.size())});
    for (const Field &field : common_fields(got.bytes, expected.bytes)) {
        const auto value = field.of(got.bytes);
        const auto wanted = field.of(expected.bytes);
        if (!std::equal(value.begin(), value.end(), wanted.begin(), wanted.end()))
            differences.push_back({field.name, field.print(value), field.print(wanted)});
    }
    return differences;
}

// False once enough has been said.
bool Comparison::note(std::string line) {
    if (differences_ > kReported)
        return false;
    report_.push_back(std::move(line));
    return true;
}

void Comparison::missing() {
    differences_++;
    note(fmt::format("{} frame {} at {}, {}, did not come out", expected_.path(), expected_index_,
                     format_time(ahead_->time, resolution()), size_of(*ahead_)));
    ahead_.reset();
}

void Comparison::extra(const Frame &got) {
    differences_++;
    note(fmt::format("frame {} at {}, {}, is not in {}", got_index_,
                     format_time(got.time, resolution()), size_of(got), expected_.path()));
}

Result<void> Comparison::read_ahead() {
    if (ahead_)
        return {};
    Frame frame;
    auto more = expected_.next(frame);
    if (!more)
        return tl::make_unexpected(more.error());
    if (*more) {
        ahead_ = std::move(frame);
        expected_index_++;
    }
    return {};
}

std::vector<FieldDifference> Comparison::differing(const Frame &got) const {
    auto fields = compare_frames(got, *ahead_);
    std::erase_if(fields, [this](const FieldDifference &one) {
        return std::any_of(ignored_.begin(), ignored_.end(),
                           [&](const std::string &name) { return is_named(one.field, name); });
    });
    return fields;
}

Result<void> Comparison::add(const Frame &got, const History &history) {
    got_index_++;
    if (auto read = read_ahead(); !read)
        return read;
    // Expected frames from before this one, unless it is the same frame at another time.
    while (ahead_ && ahead_->time < got.time && ahead_->bytes != got.bytes) {
        missing();
        if (auto read = read_ahead(); !read)
            return read;
    }
    if (!ahead_ || (got.time < ahead_->time && ahead_->bytes != got.bytes)) {
        extra(got);
        return {};
    }
    const auto fields = differing(got);
    ahead_.reset();
    if (fields.empty())
        return {};
    differences_++;
    if (!note(fmt::format("frame {} at {} differs from {} frame {}:", got_index_,
                          format_time(got.time, resolution()), expected_.path(), expected_index_)))
        return {};
    for (const FieldDifference &field : fields)
        note(fmt::format("  {}: {}, expected {}", field.field, field.got, field.expected));
    for (const std::string &line : history ? history() : std::vector<std::string>{})
        note("  " + line);
    return {};
}

Result<void> Comparison::finish() {
    auto read = read_ahead();
    while (read && ahead_) {
        missing();
        read = read_ahead();
    }
    if (differences_ > kReported) {
        const auto more = differences_ - kReported;
        report_.push_back(
            fmt::format("... and {} more frame{}, not shown", more, more == 1 ? "" : "s"));
    }
    return read;
}

}  // namespace weir
