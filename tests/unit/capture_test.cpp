#include "lb/replay/capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include "tests/support/captures.h"
#include "tests/support/temp.h"

namespace weir::test {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class CaptureTest : public ::testing::Test {
  protected:
    std::string path(const std::string &name) const { return (folder_.path() / name).string(); }
    std::string two_frames(Resolution resolution = Resolution::microseconds) const {
        write_capture(
            path("two.pcap"),
            {frame_at(nanoseconds(1002003), Bytes(60, 1)), frame_at(seconds(1), Bytes(14, 2))},
            resolution);
        return path("two.pcap");
    }
    // The whole error of opening, or of reading all of it; empty when all is well.
    static std::string error_of(const std::string &file) {
        auto reader = CaptureReader::open(file);
        if (!reader) {
            EXPECT_EQ(reader.error().exit, Exit::usage);
            return reader.error().message;
        }
        Frame frame;
        auto more = reader->next(frame);
        while (more && *more)
            more = reader->next(frame);
        if (more)
            return "";
        EXPECT_EQ(more.error().exit, Exit::usage);
        return more.error().message;
    }

    TempDir folder_;
};

TEST_F(CaptureTest, ReadsBackWhatItWrote) {
    const auto frames = read_capture(two_frames());
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].bytes, Bytes(60, 1));
    EXPECT_EQ(frames[0].wire_length, 60U);
    EXPECT_EQ(frames[0].time, seconds(1700000000) + microseconds(1002));
    EXPECT_EQ(frames[1].bytes, Bytes(14, 2));
    EXPECT_EQ(frames[1].time, seconds(1700000001));
}

TEST_F(CaptureTest, KeepsNanosecondsWhereTheFileHasThem) {
    const auto file = two_frames(Resolution::nanoseconds);
    EXPECT_EQ(CaptureReader::open(file)->resolution(), Resolution::nanoseconds);
    EXPECT_EQ(read_capture(file)[0].time, seconds(1700000000) + nanoseconds(1002003));
    EXPECT_EQ(CaptureReader::open(two_frames())->resolution(), Resolution::microseconds);
}

TEST_F(CaptureTest, KeepsTheLengthOfAFrameThatWasCut) {
    write_capture(path("cut.pcap"), {{seconds(1), 1514, Bytes(96, 7)}});
    const auto frames = read_capture(path("cut.pcap"));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].bytes.size(), 96U);
    EXPECT_EQ(frames[0].wire_length, 1514U);
}

TEST_F(CaptureTest, KeepsTimesPastTheYear2038) {
    write_capture(path("late.pcap"), {{seconds(0xfffffff0), 14, Bytes(14, 0)}});
    EXPECT_EQ(read_capture(path("late.pcap"))[0].time, seconds(0xfffffff0));
}

// Section header, one Ethernet interface, one enhanced packet block of 14 bytes at 1.5 s.
TEST_F(CaptureTest, ReadsPcapng) {
    const std::string block_header("\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0", 16);
    const std::string section =
        block_header + std::string(8, '\xff') + std::string("\x1c\0\0\0", 4);
    const std::string interface("\1\0\0\0\x14\0\0\0\1\0\0\0\0\0\4\0\x14\0\0\0", 20);
    const std::string packet("\6\0\0\0\x30\0\0\0\0\0\0\0\0\0\0\0\x60\xe3\x16\0\xe\0\0\0\xe\0\0\0",
                             28);
    const auto file =
        folder_.write("one.pcapng", section + interface + packet + std::string(16, 'x') +
                                        std::string("\x30\0\0\0", 4));
    const auto frames = read_capture(file);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].time, std::chrono::milliseconds(1500));
    EXPECT_EQ(frames[0].bytes, Bytes(14, 'x'));
}

TEST_F(CaptureTest, BadFilesAreOneLineWithTheirName) {
    EXPECT_EQ(error_of(path("none")), path("none") + ": cannot read: No such file or directory");
    EXPECT_EQ(error_of(folder_.path().string()),
              folder_.path().string() + ": is a directory, not a capture");
    EXPECT_EQ(error_of(folder_.write("empty", "")), path("empty") + ": is empty, not a capture");
    EXPECT_THAT(error_of(folder_.write("text", "This is no capture, however long it goes on.")),
                HasSubstr(path("text") + ": is no pcap or pcapng file: "));
    EXPECT_THAT(error_of(folder_.write("head", read_file(two_frames()).substr(0, 20))),
                HasSubstr(path("head") + ": is no pcap or pcapng file: "));
}

TEST_F(CaptureTest, ACaptureThatBreaksOffNamesTheFrame) {
    const std::string whole = read_file(two_frames());
    for (const std::size_t lost : {1U, 14U, 20U})
        EXPECT_THAT(error_of(folder_.write("cut", whole.substr(0, whole.size() - lost))),
                    HasSubstr(path("cut") + ": breaks off at frame 2: "))
            << lost;
    EXPECT_EQ(error_of(folder_.write("exact", whole.substr(0, whole.size() - 30))), "");
}

TEST_F(CaptureTest, OtherLinkTypesAreRefusedByName) {
    pcap_t *raw = pcap_open_dead(DLT_RAW, 65535);
    pcap_dump_close(pcap_dump_open(raw, path("raw.pcap").c_str()));
    pcap_close(raw);
    EXPECT_EQ(error_of(path("raw.pcap")), path("raw.pcap") +
                                              ": has link type RAW; Ethernet (EN10MB) and Linux "
                                              "cooked (LINUX_SLL, LINUX_SLL2) can be used");
}

TEST(FormatTime, HasTheDigitsOfTheCapture) {
    const auto time = seconds(1700000000) + nanoseconds(1002003);
    EXPECT_EQ(format_time(time, Resolution::microseconds), "1700000000.001002");
    EXPECT_EQ(format_time(time, Resolution::nanoseconds), "1700000000.001002003");
}

}  // namespace
}  // namespace weir::test
