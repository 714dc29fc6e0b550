// What a difference between two frames is called.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lb/replay/compare.h"
#include "tests/support/captures.h"

namespace weir::test {
namespace {

using std::chrono::nanoseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Segment segment(Protocol protocol = Protocol::tcp) {
    Segment one;
    one.source = *Endpoint::parse("203.0.113.2:40000");
    one.destination = *Endpoint::parse("192.0.2.10:80");
    one.protocol = protocol;
    one.payload = {1, 2, 3, 4};
    return one;
}

// "field: got, expected wanted" for every difference.
std::vector<std::string> differences(const Bytes &got, const Bytes &expected) {
    std::vector<std::string> lines;
    for (const auto &one : compare_frames(frame_at({}, got), frame_at({}, expected)))
        lines.push_back(one.field + ": " + one.got + ", expected " + one.expected);
    return lines;
}

TEST(CompareFrames, EqualFramesDoNotDiffer) {
    EXPECT_THAT(differences(build(segment()), build(segment())), IsEmpty());
    EXPECT_THAT(differences({}, {}), IsEmpty());
}

TEST(CompareFrames, NamesAddressesAndPortsAsTsharkDoes) {
    auto other = segment();
    other.destination_mac = *MacAddress::parse("02:00:c6:33:64:0b");
    other.destination = *Endpoint::parse("198.51.100.11:8443");
    other.ttl = 63;
    EXPECT_THAT(differences(build(segment()), build(other)),
                ElementsAre("eth.dst: 02:00:00:00:00:01, expected 02:00:c6:33:64:0b",
                            "ip.ttl: 64, expected 63", HasSubstr("ip.checksum: 0x"),
                            "ip.dst: 192.0.2.10, expected 198.51.100.11",
                            "tcp.dstport: 80, expected 8443", HasSubstr("tcp.checksum: 0x")));
    other = segment();
    other.source_mac = *MacAddress::parse("02:00:00:00:00:bb");
    other.source = *Endpoint::parse("203.0.113.3:40001");
    EXPECT_THAT(differences(build(segment()), build(other)),
                ElementsAre("eth.src: 02:00:00:00:00:aa, expected 02:00:00:00:00:bb",
                            HasSubstr("ip.checksum"), "ip.src: 203.0.113.2, expected 203.0.113.3",
                            "tcp.srcport: 40000, expected 40001", HasSubstr("tcp.checksum")));
}

TEST(CompareFrames, NamesTheFieldsOfUdp) {
    auto other = segment(Protocol::udp);
    other.source.port = 53;
    other.destination.port = 54;
    EXPECT_THAT(differences(build(segment(Protocol::udp)), build(other)),
                ElementsAre("udp.srcport: 40000, expected 53", "udp.dstport: 80, expected 54",
                            HasSubstr("udp.checksum: 0x")));
}

TEST(CompareFrames, NamesTheFirstByteOfThePayload) {
    auto bytes = build(segment(Protocol::udp));
    auto other = bytes;
    other[44] = 0xaa;
    other[45] = 0xbb;
    EXPECT_THAT(differences(bytes, other),
                ElementsAre("payload at offset 44: 0x03, expected 0xaa"));
}

TEST(CompareFrames, NamesLengths) {
    const auto bytes = build(segment());
    auto longer = bytes;
    longer.push_back(9);
    EXPECT_THAT(differences(bytes, longer),
                ElementsAre("frame.len: 58, expected 59", "frame.cap_len: 58, expected 59",
                            "payload at offset 58: nothing, expected 0x09"));
}

TEST(CompareFrames, NamesTheTime) {
    const auto found = compare_frames(frame_at(nanoseconds(1), {}), frame_at({}, {}));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].field, "frame.time_epoch");
    EXPECT_EQ(found[0].got, "1700000000.000000001");
}

TEST(CompareFrames, LooksNoFurtherThanBothHaveTheSameHeaders) {
    const auto tcp = build(segment());
    auto udp = tcp;
    udp[23] = 17;  // the rest is no UDP header
    udp[34] = 0x77;
    EXPECT_THAT(differences(tcp, udp), ElementsAre("ip.proto: 6, expected 17",
                                                   "payload at offset 34: 0x9c, expected 0x77"));
    auto arp = tcp;
    arp[13] = 6;
    arp[30] = 1;
    EXPECT_THAT(differences(tcp, arp), ElementsAre("eth.type: 0x0800, expected 0x0806",
                                                   "payload at offset 30: 0xc0, expected 0x01"));
}

Segment segment6(Protocol protocol = Protocol::tcp) {
    auto one = segment(protocol);
    one.source = *Endpoint::parse("[2001:db8:1::2]:40000");
    one.destination = *Endpoint::parse("[2001:db8:10::10]:80");
    return one;
}

// All extension headers that can be walked over.
std::vector<Extension> extensions(std::uint8_t fragment_offset = 0) {
    return {{0, {0, 0, 1, 4, 0, 0, 0, 0}},
            {43, {0, 0, 4, 0, 0, 0, 0, 7}},
            {44, {0, 0, 0, static_cast<std::uint8_t>(fragment_offset | 1), 0, 0, 0, 9}},
            {60, {0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8}}};
}

Bytes tagged(Bytes frame, int tags) {
    const Bytes tag{0x81, 0x00, 0x00, 0x07};
    for (int i = 0; i < tags; i++)
        frame.insert(frame.begin() + 12, tag.begin(), tag.end());
    return frame;
}

// An echo request in the place of the TCP header; what follows is its data.
Bytes echo(Bytes frame, std::size_t protocol_at, std::uint8_t protocol, std::size_t at) {
    frame.at(protocol_at) = protocol;
    const Bytes header{8, 0, 0x12, 0x34, 0, 1, 0, 2};
    std::copy(header.begin(), header.end(), frame.begin() + static_cast<std::ptrdiff_t>(at));
    return frame;
}

TEST(CompareFrames, NamesTheFieldsOfIpv6) {
    auto other = segment6();
    other.tos = 0x28;
    other.ttl = 63;
    other.source.address = *Address::parse("2001:db8:1::3");
    other.destination = *Endpoint::parse("[2001:db8:2::11]:8080");
    EXPECT_THAT(
        differences(build(segment6()), build(other)),
        ElementsAre("ipv6.version_class_flow: 0x60000000, expected 0x62800000",
                    "ipv6.hlim: 64, expected 63", "ipv6.src: 2001:db8:1::2, expected 2001:db8:1::3",
                    "ipv6.dst: 2001:db8:10::10, expected 2001:db8:2::11",
                    "tcp.dstport: 80, expected 8080", HasSubstr("tcp.checksum: 0x")));
    auto udp = build(segment6(Protocol::udp));
    auto cut = udp;
    cut[19]--;
    cut[55]++;
    EXPECT_THAT(differences(udp, cut),
                ElementsAre("ipv6.plen: 12, expected 11", "udp.srcport: 40000, expected 40001"));
    cut = udp;
    cut[20] = 59;  // no next header
    cut[54] = 0;
    EXPECT_THAT(differences(udp, cut), ElementsAre("ipv6.nxt: 17, expected 59",
                                                   "payload at offset 54: 0x9c, expected 0x00"));
}

TEST(CompareFrames, WalksOverExtensionHeaders) {
    auto one = segment6(Protocol::udp);
    one.extensions = extensions();
    const auto frame = build(one);
    const auto changed = [&](std::size_t offset) {
        auto other = frame;
        other[offset] ^= 0x80U;
        return differences(frame, other);
    };
    const std::size_t first = 14 + 40;
    EXPECT_THAT(changed(first + 7),
                ElementsAre("ipv6.hopopts: 01 04 00 00 00 00, expected 01 04 00 00 00 80"));
    EXPECT_THAT(changed(first + 8 + 7),
                ElementsAre("ipv6.routing: 04 00 00 00 00 07, expected 04 00 00 00 00 87"));
    EXPECT_THAT(changed(first + 16 + 1),
                ElementsAre("ipv6.fraghdr.reserved_octet: 0x00, expected 0x80"));
    EXPECT_THAT(changed(first + 16 + 7),
                ElementsAre("ipv6.fraghdr.ident: 0x00000009, expected 0x00000089"));
    EXPECT_THAT(changed(first + 24 + 15), ElementsAre(HasSubstr("ipv6.dstopts: 01 0c")));
    EXPECT_THAT(changed(first + 40 + 3), ElementsAre("udp.dstport: 80, expected 208"));
    EXPECT_THAT(changed(first), ElementsAre("ipv6.hopopts.nxt: 43, expected 171"));
    EXPECT_THAT(changed(first + 8 + 1), ElementsAre("ipv6.routing.len: 0, expected 128"));
}

TEST(CompareFrames, SeesNoPortsInALaterFragment) {
    auto one = segment6(Protocol::udp);
    one.extensions = extensions(8);
    const auto frame = build(one);
    auto other = frame;
    other[14 + 40 + 24] ^= 1U;
    EXPECT_THAT(differences(frame, other),
                ElementsAre("payload at offset 78: 0x11, expected 0x10"));
}

TEST(CompareFrames, NamesTheFieldsOfIcmp) {
    const auto four = echo(build(segment()), 23, 1, 34);
    auto other = four;
    other[34] = 0;
    other[36] = 0;
    other[41] = 3;
    EXPECT_THAT(differences(four, other),
                ElementsAre("icmp.type: 8, expected 0", "icmp.checksum: 0x1234, expected 0x0034",
                            "icmp.rest: 0x00010002, expected 0x00010003"));
    const auto six = echo(build(segment6()), 20, 58, 54);
    other = six;
    other[55] = 4;
    other[61] = 3;
    other[62] ^= 1;
    EXPECT_THAT(differences(six, other), ElementsAre("icmpv6.code: 0, expected 4",
                                                     "icmpv6.rest: 0x00010002, expected 0x00010003",
                                                     HasSubstr("payload at offset 62")));
}

TEST(CompareFrames, LooksBehindTwoTags) {
    auto port = segment6();
    port.destination.port = 81;
    const auto two = tagged(build(segment6()), 2);
    auto other = tagged(build(port), 2);
    other[15] = 9;
    EXPECT_THAT(differences(two, other),
                ElementsAre("vlan.id: 0x0007, expected 0x0009", "tcp.dstport: 80, expected 81",
                            HasSubstr("tcp.checksum")));
    other = two;
    other[20] = 0x12;
    EXPECT_THAT(differences(two, other), ElementsAre("vlan.etype: 0x86dd, expected 0x12dd"));
    EXPECT_THAT(differences(tagged(build(segment()), 1), tagged(build(segment(Protocol::udp)), 1)),
                ::testing::Contains("ip.proto: 6, expected 17"));
    EXPECT_THAT(differences(tagged(build(segment6()), 3), tagged(build(port), 3)),
                ElementsAre(HasSubstr("payload at offset 69")));
}

// Whatever byte is changed, wherever the frame ends, the difference is seen.
TEST(CompareFrames, SeesEveryByte) {
    auto with_options = segment();
    with_options.ip_options = {1, 1, 1, 0};
    auto fragment = segment();
    fragment.fragment = 0x2001;
    auto with_extensions = segment6();
    with_extensions.extensions = extensions();
    for (const auto &whole :
         {build(segment()), build(segment(Protocol::udp)), build(with_options), build(fragment),
          build(segment6(Protocol::udp)), tagged(build(with_extensions), 2),
          echo(build(segment()), 23, 1, 34), echo(build(segment6()), 20, 58, 54), Bytes(13, 0),
          Bytes(33, 8), Bytes(80, 0)})
        for (std::size_t length = whole.size(); length > 0; length--) {
            const Bytes frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
            for (std::size_t i = 0; i < length; i++) {
                auto changed = frame;
                changed[i] ^= 0x10U;
                EXPECT_FALSE(differences(frame, changed).empty()) << length << " bytes, byte " << i;
            }
        }
}

}  // namespace
}  // namespace weir::test
