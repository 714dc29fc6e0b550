#include "tests/support/captures.h"

#include "tests/support/value.h"

namespace weir::test {

Frame frame_at(std::chrono::nanoseconds since_start, Bytes bytes) {
    const auto length = static_cast<std::uint32_t>(bytes.size());
    return {std::chrono::seconds(1700000000) + since_start, length, std::move(bytes)};
}

void write_capture(const std::filesystem::path &file, const std::vector<Frame> &frames,
                   Resolution resolution) {
    auto writer = value_of(CaptureWriter::create(file.string(), resolution));
    for (const Frame &frame : frames)
        value_of(writer.write(frame));
    value_of(writer.finish());
}

std::vector<Frame> read_capture(const std::filesystem::path &file) {
    auto reader = value_of(CaptureReader::open(file.string()));
    std::vector<Frame> frames;
    for (Frame frame; value_of(reader.next(frame));)
        frames.push_back(frame);
    return frames;
}

}  // namespace weir::test
