// Sets of ports as the kernel writes them, and its lists of sockets.
#include "lb/net/port_set.h"

#include <gtest/gtest.h>

#include "lb/dataplane/neighbours.h"
#include "lb/dataplane/reserved_ports.h"

namespace weir {
namespace {

PortSet set(const char *text) {
    const auto parsed = PortSet::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(PortSet());
}

TEST(PortSet, PrintsWhatItReadsInTheFewestRanges) {
    EXPECT_EQ(set("").to_string(), "");
    EXPECT_EQ(set("\n").to_string(), "");
    EXPECT_EQ(set("8080\n").to_string(), "8080");
    EXPECT_EQ(set("20000-60999,8080, 80").to_string(), "80,8080,20000-60999");
    EXPECT_EQ(set("1-3,4,6-7,5").to_string(), "1-7");
    EXPECT_EQ(set("0-65535").to_string(), "0-65535");
    for (const char *text : {"a", "1-", "-1", "3-1", "65536", "1;2", "1 2"})
        EXPECT_FALSE(PortSet::parse(text)) << text;
}

TEST(PortSet, JoinsAndTakesAway) {
    EXPECT_EQ((set("1-5") | set("8,6")).to_string(), "1-6,8");
    EXPECT_EQ((set("1-9") - set("3-4,9,20")).to_string(), "1-2,5-8");
    EXPECT_EQ(set("1-9") - set("1-9"), PortSet());
}

struct SocketRow {
    const char *line;
    Protocol protocol;
    const char *expected;  // empty: none
};

// Lines of a kernel, and what is no such line.
TEST(Sockets, ThoseThatListenOrHaveNoPeerAreFound) {
    const SocketRow rows[] = {
        {"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000", Protocol::tcp,
         "127.0.0.1:8080"},
        {"   1: 00000000:4E20 00000000:0000 0A 0", Protocol::tcp, "0.0.0.0:20000"},
        {"   2: 0100007F:1F90 0100007F:C350 01 0", Protocol::tcp, ""},
        {"   3: 010064C6:4E21 00000000:0000 07 0", Protocol::udp, "198.100.0.1:20001"},
        {"   4: 010064C6:4E21 010064C6:0035 01 0", Protocol::udp, ""},
        {"  12: 00000000000000000000000000000000:4E20 "
         "00000000000000000000000000000000:0000 0A 0",
         Protocol::tcp, "[::]:20000"},
        {"  13: B80D0120000000000000000001000000:4E20 "
         "00000000000000000000000000000000:0000 07 0",
         Protocol::udp, "[2001:db8::1]:20000"},
        {"  sl  local_address rem_address   st tx_queue", Protocol::tcp, ""},
        {"", Protocol::tcp, ""},
        {"   5: 0100007F 00000000:0000 0A", Protocol::tcp, ""},
        {"   6: 0100007:1F90 00000000:0000 0A", Protocol::tcp, ""},
    };
    for (const SocketRow &row : rows) {
        const auto socket = parse_socket(row.line, row.protocol);
        EXPECT_EQ(socket ? socket->local.to_string() : "", row.expected) << row.line;
    }
}

// RFC 5227: sender and target are the address; RFC 4861, 4.4: the target and where it is.
TEST(Neighbours, AreToldTheAddressAndWhereItIs) {
    const MacAddress mac{{2, 0, 0, 0, 0, 7}};
    const auto arp = make_gratuitous_arp(mac, *Address::parse("192.0.2.10"));
    const std::array<std::uint8_t, 42> expected{
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,   0, 0, 0,  0, 7, 8, 6,  // Ethernet
        0,    1,    8,    0,    6,    4,    0,   1,                     // a request
        2,    0,    0,    0,    0,    7,    192, 0, 2, 10,              // the sender
        0,    0,    0,    0,    0,    0,    192, 0, 2, 10};             // the target
    EXPECT_EQ(arp, expected);
    const auto message = make_advertisement(mac, *Address::parse("2001:db8::10"));
    const std::array<std::uint8_t, 32> wanted{136,  0, 0,   0,    0xa0, 0, 0, 0,              //
                                              0x20, 1, 0xd, 0xb8, 0,    0, 0, 0, 0, 0, 0, 0,  //
                                              0,    0, 0,   0x10, 2,    1, 2, 0, 0, 0, 0, 7};
    EXPECT_EQ(message, wanted);
}

}  // namespace
}  // namespace weir
