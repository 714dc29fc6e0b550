// What is refused in a service's policy and in the SNAT pool, row by row, with the exact message.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/config_errors.h"

namespace weir {
namespace {

const std::string kPolicies = R"(services:
  - name: web
    vip: 192.0.2.10
    port: 443
    protocol: tcp
    mode: dnat
    announce: address
    session_affinity: {timeout: 10m}
    source_ranges: [198.51.100.0/24, "!198.51.100.128/25"]
    limits: {new_flows_per_second: 3, new_flows_per_second_per_source: 2, flows_per_backend: 1}
    backends:
      - {address: 198.51.100.11, port: 8443}
  - name: dns
    vip: "2001:db8::53"
    port: 53
    protocol: udp
    mode: fullnat
    backends:
      - {address: 198.51.100.21, port: 53}
      - {address: "2001:db8::21", port: 53}
snat:
  addresses:
    - 198.51.100.1
    - 2001:db8::1
  ports: 20000-60999
)";

class ConfigPolicy : public testing::TestWithParam<EditRow> {};

TEST_P(ConfigPolicy, IsRefused) {
    expect_refused(kPolicies, GetParam());
}

const EditRow kPolicyRows[] = {
    {"announce", "announce: address", "announce: bgp",
     "f:7:15: service 'web': announce must be one of none, address, not 'bgp'"},
    {"affinity_without_timeout", "{timeout: 10m}", "{}",
     "f:8:23: service 'web', session_affinity: missing key 'timeout'"},
    {"affinity_zero", "10m", "0s",
     "f:8:33: service 'web', session_affinity: timeout must be from 1s to 365d, not '0s'"},
    {"affinity_scalar", "{timeout: 10m}", "10m",
     "f:8:23: service 'web', session_affinity must be a mapping, not a single value"},
    {"range_without_length", "198.51.100.0/24", "198.51.100.0",
     "f:9:21: service 'web': source_ranges must hold address blocks without host bits, such as "
     "198.51.100.0/24 or, to deny it, \"!198.51.100.0/24\", not '198.51.100.0'"},
    {"range_with_host_bits", "198.51.100.0/24", "198.51.100.1/24",
     "f:9:21: service 'web': source_ranges must hold address blocks without host bits, such as "
     "198.51.100.0/24 or, to deny it, \"!198.51.100.0/24\", not '198.51.100.1/24'"},
    {"range_too_long", "!198.51.100.128/25", "!198.51.100.128/33",
     "f:9:38: service 'web': source_ranges must hold address blocks without host bits, such as "
     "198.51.100.0/24 or, to deny it, \"!198.51.100.0/24\", not '!198.51.100.128/33'"},
    {"range_denied_without_quotes", "\"!198.51.100.128/25\"", "!198.51.100.128/25",
     "f:9:38: service 'web': source_ranges must hold address blocks without host bits, such as "
     "198.51.100.0/24 or, to deny it, \"!198.51.100.0/24\", not ''"},
    {"range_of_other_family", "198.51.100.0/24", "\"2001:db8::/32\"",
     "f:9:21: service 'web', source range 2001:db8::/32: not of the VIP's family, that of "
     "192.0.2.10"},
    {"range_twice", "!198.51.100.128/25", "!198.51.100.0/24",
     "f:9:38: service 'web', source range !198.51.100.0/24: duplicate of 198.51.100.0/24 at line "
     "9"},
    {"ranges_scalar", "[198.51.100.0/24, \"!198.51.100.128/25\"]", "198.51.100.0/24",
     "f:9:20: service 'web': source_ranges must be a list, not a single value"},
    {"limit_zero", "new_flows_per_second: 3", "new_flows_per_second: 0",
     "f:10:36: service 'web', limits: new_flows_per_second must be a whole number from 1 to "
     "1000000000, not '0'"},
    {"limit_of_source_too_high", "per_source: 2", "per_source: 1000000001",
     "f:10:72: service 'web', limits: new_flows_per_second_per_source must be a whole number from "
     "1 to 1000000000, not '1000000001'"},
    {"limit_of_backend_zero", "flows_per_backend: 1", "flows_per_backend: 0",
     "f:10:94: service 'web', limits: flows_per_backend must be a whole number from 1 to 67108864, "
     "not '0'"},
    {"limit_unknown", "flows_per_backend", "flows",
     "f:10:75: service 'web', limits: unknown key 'flows' (known keys: new_flows_per_second, "
     "new_flows_per_second_per_source, flows_per_backend)"},
};

const EditRow kSnat[] = {
    {"without_addresses", "addresses:\n    - 198.51.100.1\n    - 2001:db8::1\n  ports", "ports",
     "f:22:3: snat: missing key 'addresses'"},
    {"address_malformed", "- 198.51.100.1\n", "- 198.51.100.1/24\n",
     "f:23:7: snat: addresses must hold unicast IPv4 or IPv6 addresses, not '198.51.100.1/24'"},
    {"address_multicast", "2001:db8::1\n", "ff02::1\n",
     "f:24:7: snat: addresses must hold unicast IPv4 or IPv6 addresses, not 'ff02::1'"},
    {"address_mapping", "- 198.51.100.1\n", "- {a: b}\n",
     "f:23:7: snat: addresses must hold unicast IPv4 or IPv6 addresses, not a mapping"},
    {"address_twice", "2001:db8::1\n", "198.51.100.1\n",
     "f:24:7: snat: duplicate address 198.51.100.1 (first at line 23)"},
    {"meets_a_vip", "- 198.51.100.1\n", "- 192.0.2.10\n",
     "f:23:7: snat: address 192.0.2.10 is the VIP of service 'web' at line 2; the SNAT pool needs "
     "addresses of its own"},
    {"meets_a_backend", "- 2001:db8::1\n", "- 2001:db8::21\n",
     "f:24:7: snat: address 2001:db8::21 is the backend of service 'dns' at line 20; the SNAT pool "
     "needs addresses of its own"},
    {"no_ipv4_for_a_backend", "    - 198.51.100.1\n", "",
     "f:19:9: service 'dns', backend 198.51.100.21:53: mode fullnat needs an IPv4 address under "
     "snat.addresses"},
    {"no_ipv6_for_a_backend", "    - 2001:db8::1\n", "",
     "f:20:9: service 'dns', backend [2001:db8::21]:53: mode fullnat needs an IPv6 address under "
     "snat.addresses"},
    {"none_for_a_backend",
     "snat:\n  addresses:\n    - 198.51.100.1\n    - 2001:db8::1\n  ports: 20000-60999\n", "",
     "f:19:9: service 'dns', backend 198.51.100.21:53: mode fullnat needs an IPv4 address under "
     "snat.addresses"},
    {"dnat_to_another_family", "mode: fullnat", "mode: dnat",
     "f:19:9: service 'dns', backend 198.51.100.21:53: mode dnat needs a backend of the VIP's "
     "family, that of 2001:db8::53"},
    {"ports_backwards", "20000-60999", "60999-20000",
     "f:25:10: snat: ports must be FIRST-LAST between 1024 and 65535, such as 20000-60999, not "
     "'60999-20000'"},
    {"ports_privileged", "20000-60999", "1023-60999",
     "f:25:10: snat: ports must be FIRST-LAST between 1024 and 65535, such as 20000-60999, not "
     "'1023-60999'"},
    {"ports_too_high", "20000-60999", "20000-65536",
     "f:25:10: snat: ports must be FIRST-LAST between 1024 and 65535, such as 20000-60999, not "
     "'20000-65536'"},
    {"one_port", "20000-60999", "20000",
     "f:25:10: snat: ports must be FIRST-LAST between 1024 and 65535, such as 20000-60999, not "
     "'20000'"},
};

INSTANTIATE_TEST_SUITE_P(Service, ConfigPolicy, testing::ValuesIn(kPolicyRows), row_name<EditRow>);
INSTANTIATE_TEST_SUITE_P(Snat, ConfigPolicy, testing::ValuesIn(kSnat), row_name<EditRow>);

std::string with_snat_addresses(int count) {
    std::string text = "services: []\nsnat:\n  addresses:\n    - 2001:db8::1\n";
    for (int i = 1; i <= count; ++i)
        text += "    - 198.51.100." + std::to_string(i) + "\n";
    return text;
}

TEST(ConfigPolicyBounds, TheSnatPoolIsBoundedPerFamily) {
    EXPECT_EQ(error_of(with_snat_addresses(64)), "accepted");
    EXPECT_EQ(error_of(with_snat_addresses(65)), "f:69:7: snat: more than 64 IPv4 addresses");
}

TEST(ConfigPolicyBounds, SourceRangesAreBoundedOverAllServices) {
    const auto with_ranges = [](int count) {
        std::string text =
            "services:\n  - name: a\n    vip: 192.0.2.1\n    port: 1\n    protocol: tcp\n"
            "    backends: [{address: 192.0.2.2, port: 1}]\n    source_ranges:\n";
        for (int i = 0; i < count; ++i)
            text += "      - 10." + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256) +
                    "." + std::to_string(i / 65536) + "/32\n";
        return text;
    };
    EXPECT_EQ(error_of(with_ranges(65535)), "accepted");
    EXPECT_EQ(error_of(with_ranges(65536)),
              "f:2:5: service 'a': with its source_ranges and one more for each service that has "
              "any, there are more than 65536");
}

}  // namespace
}  // namespace weir
