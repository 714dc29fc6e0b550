// `sockets`: what it may say, what it prints, and what is refused, with the exact message.
#include <gtest/gtest.h>

#include <string>

#include "lb/config/config.h"
#include "tests/support/value.h"
#include "tests/unit/config_errors.h"

namespace weir {
namespace {

const std::string kOneService = R"(services:
  - {name: web, vip: 192.0.2.10, port: 443, protocol: tcp, backends: [{address: 192.0.2.1, port: 1}]}
)";

const std::string kSockets = kOneService + R"(sockets:
  cgroup: system.slice/web.service
  bind: {guard: true, allow: [8080, "192.0.2.10:443", "[2001:db8::1]:53"]}
  deny: [raw, ipv6/dgram]
  mark: 0x2a
  listeners:
    - {addresses: 203.0.113.0/24, ports: 8000-8999, protocol: tcp, to: 127.0.0.1:8080}
    - {addresses: "2001:db8::7", ports: 53, protocol: udp, to: "[::1]:53"}
  join: true
)";

TEST(ConfigSockets, SaysWhatIsWanted) {
    const auto config = test::value_of(parse_config(kSockets, "weir.yaml"));
    ASSERT_TRUE(config.sockets);
    EXPECT_EQ(config.sockets->cgroup, "system.slice/web.service");
    EXPECT_TRUE(config.sockets->guard);
    ASSERT_EQ(config.sockets->allow.size(), 3U);
    EXPECT_EQ(config.sockets->allow[0], (AllowedBind{std::nullopt, 8080}));
    EXPECT_EQ(config.sockets->allow[2].to_string(), "[2001:db8::1]:53");
    EXPECT_EQ(config.sockets->deny,
              (std::vector<DeniedSocket>{{SocketFamily::any, SocketType::raw},
                                         {SocketFamily::ipv6, SocketType::dgram}}));
    EXPECT_EQ(config.sockets->mark, 42U);
    EXPECT_TRUE(config.sockets->join);
    ASSERT_EQ(config.sockets->listeners.size(), 2U);
    EXPECT_EQ(config.sockets->listeners[0].to_string(), "203.0.113.0/24 8000-8999 tcp");
    EXPECT_EQ(config.sockets->listeners[1].to_string(), "2001:db8::7/128 53-53 udp");
}

TEST(ConfigSockets, OffUnlessConfiguredAndAllProgramsByDefault) {
    EXPECT_FALSE(test::value_of(parse_config(kOneService, "weir.yaml")).sockets);
    const auto config = test::value_of(parse_config(kOneService + "sockets: {}\n", "weir.yaml"));
    ASSERT_TRUE(config.sockets);
    EXPECT_EQ(config.sockets->cgroup, "");
    EXPECT_TRUE(config.sockets->guard);
    EXPECT_EQ(config.sockets->mark, 0U);
    EXPECT_FALSE(config.sockets->join);
}

TEST(ConfigSockets, WhatIsPrintedIsReadBack) {
    const auto text = to_yaml(test::value_of(parse_config(kSockets, "weir.yaml")));
    EXPECT_NE(text.find("sockets:\n  cgroup: \"system.slice/web.service\"\n"
                        "  bind: {guard: true, allow: [\"8080\", \"192.0.2.10:443\", "
                        "\"[2001:db8::1]:53\"]}\n  deny: [\"raw\", \"ipv6/dgram\"]\n  mark: 0x2a\n"
                        "  join: true\n"
                        "  listeners:\n    - {addresses: \"203.0.113.0/24\", ports: 8000-8999, "
                        "protocol: tcp, to: \"127.0.0.1:8080\"}\n"),
              std::string::npos)
        << text;
    EXPECT_EQ(to_yaml(test::value_of(parse_config(text, "weir.yaml"))), text);
}

class ConfigSocketsErrors : public testing::TestWithParam<EditRow> {};

TEST_P(ConfigSocketsErrors, IsRefused) {
    expect_refused(kSockets, GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Rows, ConfigSocketsErrors,
    testing::Values(
        EditRow{"CgroupThatLeavesTheTree", "system.slice/web.service", "system.slice/../..",
                "f:4:11: sockets: cgroup must be a folder of cgroup v2, such as "
                "system.slice/web.service, not 'system.slice/../..'"},
        EditRow{"UnknownKey", "cgroup:", "group:",
                "f:4:3: sockets: unknown key 'group' (known keys: cgroup, bind, deny, mark, "
                "listeners, join)"},
        EditRow{"PortOutOfRange", "8080", "80800",
                "f:5:31: sockets, bind: allow must hold ports such as 8080, or ADDRESS:PORT, "
                "not '80800'"},
        EditRow{"NoPort", "192.0.2.10:443", "192.0.2.10:0",
                "f:5:37: sockets, bind: allow must hold ports such as 8080, or ADDRESS:PORT, "
                "not '192.0.2.10:0'"},
        EditRow{"UnknownType", "ipv6/dgram", "ipv6/datagram",
                "f:6:15: sockets: deny must hold stream, dgram or raw, or one of them after "
                "ipv4/ or ipv6/, not 'ipv6/datagram'"},
        EditRow{"GuardThatIsNoFlag", "guard: true", "guard: maybe",
                "f:5:17: sockets, bind: guard must be true or false, not 'maybe'"},
        EditRow{"JoinThatIsNoFlag", "join: true", "join: maybe",
                "f:11:9: sockets: join must be true or false, not 'maybe'"},
        EditRow{"MarkTooLarge", "0x2a", "0x100000000",
                "f:7:9: sockets: mark must be a number from 0 to 0xffffffff, not '0x100000000'"},
        EditRow{"ListenerOfAnotherFamily", "127.0.0.1:8080", "\"[::1]:8080\"",
                "f:9:72: sockets, listener: to must be of the family of `addresses`"},
        EditRow{"ListenerThatAnswersFromAnotherPort", "ports: 53,", "ports: 53-54,",
                "f:10:41: sockets, listener: ports must be that of `to`: a UDP socket answers "
                "from the port that it has"},
        EditRow{"ListenerWithAService", "203.0.113.0/24, ports: 8000-8999",
                "192.0.2.0/24, ports: 400-500",
                "f:9:7: sockets: the listener 192.0.2.0/24 400-500 tcp contains "
                "192.0.2.10:443/tcp, which is service 'web' at line 2"},
        EditRow{"ListenerWithHostBits", "203.0.113.0/24", "203.0.113.1/24",
                "f:9:19: sockets, listener: addresses must be an address, or a block such as "
                "203.0.113.0/24, not '203.0.113.1/24'"},
        EditRow{"ListenerWithoutPorts", "ports: 8000-8999, ", "",
                "f:9:7: sockets, listener: missing key 'ports'"},
        EditRow{"MarkBelowZero", "0x2a", "-1",
                "f:7:9: sockets: mark must be a number from 0 to 0xffffffff, not '-1'"}),
    row_name<EditRow>);

}  // namespace
}  // namespace weir
