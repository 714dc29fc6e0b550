#include "lb/net/address.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Address, KeepsIpv4AsMappedIpv6) {
    const auto address = Address::parse("192.0.2.1");
    ASSERT_TRUE(address);
    EXPECT_TRUE(address->is_v4());
    EXPECT_EQ(address->bytes()[10], 0xff);
    EXPECT_EQ(address->bytes()[15], 1);
    EXPECT_EQ(*address, Address::v4(192, 0, 2, 1));
    EXPECT_EQ(*address, Address::v4(address->v4_network_order()));
}

TEST(Address, PrintsWhatItParsed) {
    for (const char *text : {"0.0.0.0", "192.0.2.255", "2001:db8::1", "::", "::1"}) {
        const auto address = Address::parse(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->to_string(), text);
    }
}

TEST(Address, RefusesEverythingElse) {
    using namespace std::string_view_literals;
    for (std::string_view text :
         {""sv, "192.0.2"sv, "192.0.2.256"sv, "192.0.2.01"sv, " 192.0.2.1"sv, "localhost"sv,
          "192.0.2.1/24"sv, "::ffff:192.0.2.1"sv, "2001:db8:::1"sv, "192.0.2.1\0x"sv})
        EXPECT_FALSE(Address::parse(text)) << text;
}

TEST(Prefix, RefusesHostBitsAndBadLengths) {
    EXPECT_TRUE(Prefix::parse("192.0.2.0/24"));
    EXPECT_TRUE(Prefix::parse("0.0.0.0/0"));
    EXPECT_TRUE(Prefix::parse("2001:db8::/32"));
    for (const char *text :
         {"192.0.2.1/24", "192.0.2.0/33", "192.0.2.0", "2001:db8::/129", "192.0.2.0/-1", "/8"})
        EXPECT_FALSE(Prefix::parse(text)) << text;
}

TEST(Prefix, ContainsItsOwnFamilyOnly) {
    EXPECT_TRUE(Prefix::parse("192.0.2.0/25")->contains(*Address::parse("192.0.2.127")));
    EXPECT_FALSE(Prefix::parse("192.0.2.0/25")->contains(*Address::parse("192.0.2.128")));
    EXPECT_FALSE(Prefix::parse("::/0")->contains(*Address::parse("192.0.2.128")));
    EXPECT_TRUE(Prefix::parse("0.0.0.0/0")->contains(*Address::parse("192.0.2.128")));
}

TEST(PortRange, ReadsWhatItPrintsAndNothingElse) {
    const auto range = PortRange::parse("1024-65535");
    ASSERT_TRUE(range);
    EXPECT_EQ(range->to_string(), "1024-65535");
    EXPECT_TRUE(range->contains(1024) && range->contains(65535));
    EXPECT_FALSE(range->contains(1023));
    EXPECT_TRUE(PortRange::parse("7-7"));
    for (const char *text : {"", "7", "7-", "-7", "8-7", "1-65536", "1 - 2", "1-2-3", "a-b"})
        EXPECT_FALSE(PortRange::parse(text)) << text;
}

TEST(Endpoint, ParsesAndPrintsBothFamilies) {
    for (const char *text : {"192.0.2.1:80", "[2001:db8::1]:65535", "192.0.2.1:0"}) {
        const auto endpoint = Endpoint::parse(text);
        ASSERT_TRUE(endpoint) << text;
        EXPECT_EQ(endpoint->to_string(), text);
    }
    for (const char *text :
         {"192.0.2.1", "192.0.2.1:65536", "2001:db8::1:80", "[192.0.2.1]:80", "192.0.2.1:+1"})
        EXPECT_FALSE(Endpoint::parse(text)) << text;
}

TEST(MacAddress, ParsesAndPrints) {
    EXPECT_EQ(MacAddress::parse("02:00:c6:33:64:0b")->to_string(), "02:00:c6:33:64:0b");
    for (const char *text :
         {"02:00:c6:33:64", "02-00-c6-33-64-0b", "02:00:c6:33:64:0g", "02:00:c6:33:64:0b:"})
        EXPECT_FALSE(MacAddress::parse(text)) << text;
}

}  // namespace
}  // namespace weir
