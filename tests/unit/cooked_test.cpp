// Linux cooked captures become Ethernet, as they were on the wire as far as they tell.
#include "lb/replay/cooked.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include "tests/support/captures.h"
#include "tests/support/temp.h"

namespace weir::test {
namespace {

const MacAddress kOwn{{0x02, 0, 0, 0, 0, 0x01}};

// The pseudo header of an IPv4 packet from 02:aa:bb:cc:dd:ee, and two bytes of the packet.
Bytes cooked(std::uint8_t type) {
    return {0, type, 0, 1, 0, 6, 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0, 0, 0x08, 0, 0x45, 0x01};
}
Bytes cooked2(std::uint8_t type) {
    return {0x08, 0,    0,    0,    0,    0,    0,    2, 0, 1,    type,
            6,    0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0, 0, 0x45, 0x01};
}

struct Row {
    const char *name;
    std::uint8_t type;  // <linux/if_packet.h>
    Bytes header;
};

const Row kRows[] = {
    {"for_this_host", 0, {0x02, 0, 0, 0, 0, 0x01, 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x08, 0}},
    {"broadcast",
     1,
     {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x08, 0}},
    {"multicast", 2, {0, 0, 0, 0, 0, 0, 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x08, 0}},
    {"for_another_host", 3, {0, 0, 0, 0, 0, 0, 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x08, 0}},
    {"sent", 4, {0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0x01, 0x08, 0}},
};

class Cooked : public ::testing::TestWithParam<Row> {};

TEST_P(Cooked, BecomesEthernet) {
    for (const Link link : {Link::cooked, Link::cooked2}) {
        const Bytes bytes =
            link == Link::cooked ? cooked(GetParam().type) : cooked2(GetParam().type);
        Frame frame{{}, static_cast<std::uint32_t>(bytes.size() + 100), bytes};
        ASSERT_TRUE(uncook(link, kOwn, frame));
        Bytes wanted = GetParam().header;
        wanted.insert(wanted.end(), {0x45, 0x01});
        EXPECT_EQ(frame.bytes, wanted);
        EXPECT_EQ(frame.wire_length, 116U) << "what the capture cut counts";
    }
}

INSTANTIATE_TEST_SUITE_P(, Cooked, ::testing::ValuesIn(kRows),
                         [](const auto &row) { return row.param.name; });

TEST(CookedFrames, OfAnInterfaceWithoutAddressesHaveNone) {
    Bytes bytes = cooked(0);
    bytes[5] = 0;
    Frame frame{{}, 18, bytes};
    ASSERT_TRUE(uncook(Link::cooked, kOwn, frame));
    EXPECT_EQ(Bytes(frame.bytes.begin() + 6, frame.bytes.begin() + 12), Bytes(6, 0));
}

TEST(CookedFrames, ThatAreCutTooShortAreRefused) {
    for (std::size_t length = 0; length < 16; length++) {
        Frame frame{{}, 60, Bytes(length)};
        EXPECT_FALSE(uncook(Link::cooked, kOwn, frame)) << length;
    }
    Frame frame{{}, 60, Bytes(19)};
    EXPECT_FALSE(uncook(Link::cooked2, kOwn, frame));
}

// As libpcap writes and reads them.
TEST(CookedFrames, AreReadFromAFile) {
    for (const int link : {DLT_LINUX_SLL, DLT_LINUX_SLL2}) {
        const TempDir folder;
        const std::string file = (folder.path() / "cooked.pcap").string();
        pcap_t *handle = pcap_open_dead(link, 65535);
        pcap_dumper_t *dumper = pcap_dump_open(handle, file.c_str());
        const Bytes bytes = link == DLT_LINUX_SLL ? cooked(4) : cooked2(4);
        pcap_pkthdr header{};
        header.caplen = header.len = static_cast<bpf_u_int32>(bytes.size());
        for (int i = 0; i < 2; i++) {
            pcap_dump(reinterpret_cast<u_char *>(dumper), &header, bytes.data());
            header.caplen = 10;
        }
        pcap_dump_close(dumper);
        pcap_close(handle);
        auto reader = CaptureReader::open(file, MacAddress{{0x02, 0, 0, 0, 0, 0x77}});
        ASSERT_TRUE(reader) << reader.error().message;
        Frame frame;
        ASSERT_TRUE(reader->next(frame));
        EXPECT_EQ(frame.bytes[11], 0x77);
        EXPECT_EQ(frame.bytes.size(), 16U);
        const auto cut = reader->next(frame);
        ASSERT_FALSE(cut);
        EXPECT_EQ(cut.error().message, file + ": frame 2 is cut within its link-layer header");
    }
}

}  // namespace
}  // namespace weir::test
