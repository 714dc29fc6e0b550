// Events of the data path become frames, and those a pcapng file that libpcap reads.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <cstring>
#include <filesystem>

#include "lb/capture/pcapng.h"
#include "lb/capture/tapped_frames.h"
#include "tests/support/captures.h"
#include "tests/support/temp.h"

namespace weir::test {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr std::uint32_t kSnaplen = 60;

weir_captured event(std::uint64_t number, bool after) {
    weir_captured made{};
    made.time = 1000000000000 * number;
    made.number = number;
    made.ifindex = 7;
    made.length = 64;
    made.kept = kSnaplen;
    made.hook = WEIR_TC_INGRESS;
    made.after = after ? 1 : 0;
    made.answer = TC_ACT_REDIRECT;
    made.reason = WEIR_DROP_NONE;
    return made;
}

class Tapped : public ::testing::Test {
  protected:
    // As the kernel does: the frame's bytes behind the event, and a size that is rounded up.
    void tell(const weir_captured &one, int cpu = 0) {
        std::vector<std::uint8_t> raw(sizeof one + one.kept + 4, 0xee);
        std::memcpy(raw.data(), &one, sizeof one);
        for (std::uint32_t i = 0; i < one.kept; i++)
            raw[sizeof one + i] = static_cast<std::uint8_t>(one.after == 0 ? i : i + 1);
        frames_.add(cpu, raw.data(), raw.size());
    }
    std::vector<TappedFrame> take() {
        std::vector<TappedFrame> all;
        frames_.take([&](TappedFrame one) { all.push_back(std::move(one)); });
        return all;
    }

    TappedFrames frames_{kSnaplen};
};

TEST_F(Tapped, WhatCameAndWhatWentBelongTogether) {
    tell(event(1, false));
    tell(event(1, true));
    const auto all = take();
    ASSERT_THAT(all, SizeIs(1));
    EXPECT_EQ(all[0].verdict, Verdict::redirect);
    EXPECT_EQ(all[0].hook, PacketHook::tc_ingress);
    EXPECT_EQ(all[0].ifindex, 7U);
    EXPECT_EQ(all[0].reason, std::nullopt);
    EXPECT_EQ(all[0].before.wire_length, 64U);
    EXPECT_THAT(all[0].before.bytes, SizeIs(kSnaplen));
    EXPECT_EQ(all[0].after.bytes[0], 1);
    EXPECT_EQ(all[0].after.time, all[0].before.time);
    EXPECT_THAT(take(), SizeIs(0));
}

TEST_F(Tapped, HalfOfAFrameIsNone) {
    tell(event(1, true));  // its beginning was lost
    tell(event(2, false));
    tell(event(3, false));  // the end of the one before was
    tell(event(2, true));
    EXPECT_THAT(take(), SizeIs(0));
    frames_.add(0, "short", 5);
    EXPECT_THAT(take(), SizeIs(0));
}

TEST_F(Tapped, FramesOfSeveralCpusComeInTheOrderOfTheirTime) {
    for (const auto &[number, cpu] : {std::pair{5U, 1}, {2U, 0}, {9U, 1}, {4U, 0}}) {
        tell(event(number, false), cpu);
        tell(event(number, true), cpu);
    }
    const auto all = take();
    ASSERT_THAT(all, SizeIs(4));
    for (std::size_t i = 1; i < all.size(); i++)
        EXPECT_LT(all[i - 1].before.time, all[i].before.time);
}

TEST_F(Tapped, ATagIsPutBackAndTheFrameIsNoLongerForIt) {
    auto before = event(1, false);
    before.vlan_proto = htons(0x8100);
    before.vlan_tci = 0x2064;
    tell(before);
    auto after = event(1, true);
    after.answer = TC_ACT_SHOT;
    after.reason = WEIR_DROP_NO_BACKEND;
    tell(after);
    const auto all = take();
    ASSERT_THAT(all, SizeIs(1));
    const auto &bytes = all[0].before.bytes;
    EXPECT_THAT(bytes, SizeIs(kSnaplen));
    EXPECT_EQ(all[0].before.wire_length, 68U);
    EXPECT_THAT(std::vector(bytes.begin() + 10, bytes.begin() + 18),
                ElementsAre(10, 11, 0x81, 0x00, 0x20, 0x64, 12, 13));
    EXPECT_EQ(all[0].verdict, Verdict::drop);
    EXPECT_EQ(all[0].reason, "no_backend");
}

TEST_F(Tapped, APcapngFileIsReadByLibpcap) {
    const TempDir folder;
    const auto path = (folder.path() / "out.pcapng").string();
    auto writer = PcapngWriter::create(path);
    ASSERT_TRUE(writer) << writer.error().message;
    writer->add_interface("eth0", kSnaplen);
    const auto frame = frame_at(std::chrono::nanoseconds(7), Bytes(59, 'x'));
    writer->write(frame, {.comment = "odd length", .packet = 3, .answer = EbpfAnswer{true, 2}});
    writer->write(frame, {});
    ASSERT_TRUE(writer->finish());
    EXPECT_EQ(writer->bytes(), std::filesystem::file_size(path));
    const auto all = read_capture(path);
    ASSERT_THAT(all, SizeIs(2));
    EXPECT_EQ(all[0].bytes, frame.bytes);
    EXPECT_EQ(all[0].time, frame.time);
}

TEST_F(Tapped, AFullDiskEndsThePcapngFile) {
    auto writer = PcapngWriter::create("/dev/full");
    ASSERT_TRUE(writer);
    writer->add_interface("eth0", kSnaplen);
    const auto flushed = writer->flush();
    ASSERT_FALSE(flushed);
    EXPECT_EQ(flushed.error().message, "/dev/full: cannot write: No space left on device");
    const auto before = writer->bytes();
    writer->write(frame_at({}, Bytes(60)), {});
    EXPECT_EQ(writer->bytes(), before);
    EXPECT_FALSE(writer->finish());
}

}  // namespace
}  // namespace weir::test
