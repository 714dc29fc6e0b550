// What is refused in a file that is otherwise good, row by row, with the exact message.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/config_errors.h"

namespace weir {
namespace {

const std::string kGood = R"(interfaces:
  - {name: eth0, hook: tc, xdp_mode: generic}
  - {name: eth1}
services:
  - name: web
    vip: 192.0.2.10
    port: 443
    protocol: tcp
    mode: dnat
    scheduler: maglev
    backends:
      - {address: 198.51.100.11, port: 8443, weight: 5}
      - {address: 198.51.100.12, port: 8443}
  - name: dns
    vip: 192.0.2.53
    port: 53
    protocol: udp
    backends:
      - {address: 198.51.100.21, port: 53}
limits: {flows: 1000, new_flows: 100, services: 4, backends: 8}
timeouts: {tcp_established: 2h4m, tcp_transitory: 4m, tcp_new: 30s, udp: 5m}
metrics: {listen: 127.0.0.1:9470}
api: {socket: /run/weir/weir.sock}
replay: {mac: "02:00:00:00:00:01"}
instance: blue
)";

class ConfigValue : public testing::TestWithParam<EditRow> {};

TEST_P(ConfigValue, IsRefused) {
    expect_refused(kGood, GetParam());
}

const EditRow kKeys[] = {
    {"unknown_at_the_top", "instance: blue", "instanze: blue",
     "f:25:1: unknown key 'instanze' (known keys: services, interfaces, snat, limits, timeouts, "
     "metrics, api, replay, instance, state_file, watch, log, flow_log, sockets)"},
    {"unknown_in_interface", "name: eth1", "name: eth1, hok: tc",
     "f:3:18: interface 'eth1': unknown key 'hok' (known keys: name, hook, xdp_mode)"},
    {"unknown_in_service", "protocol: tcp", "proto: tcp",
     "f:8:5: service 'web': unknown key 'proto' (known keys: name, vip, port, protocol, backends, "
     "mode, scheduler, ring_size, slow_start, session_affinity, source_ranges, announce, limits, "
     "health_check, on_down, drain_timeout, min_active)"},
    {"unknown_in_backend", "weight: 5", "wait: 5",
     "f:12:46: service 'web', backend: unknown key 'wait' (known keys: address, port, weight, "
     "fallback, health_check)"},
    {"unknown_in_limits", "new_flows", "newflows",
     "f:20:23: limits: unknown key 'newflows' (known keys: flows, new_flows, services, backends)"},
    {"unknown_in_timeouts", "tcp_new", "tcp",
     "f:21:55: timeouts: unknown key 'tcp' (known keys: tcp_established, tcp_transitory, tcp_new, "
     "udp)"},
    {"unknown_in_metrics",
     "listen:", "address:", "f:22:11: metrics: unknown key 'address' (known keys: listen)"},
    {"unknown_in_api", "socket:", "path:",
     "f:23:7: api: unknown key 'path' (known keys: socket, group, listen, tls)"},
    {"unknown_in_replay", "mac:", "MAC:", "f:24:10: replay: unknown key 'MAC' (known keys: mac)"},
    {"duplicate_at_the_top", "instance: blue", "limits: {}",
     "f:25:1: duplicate key 'limits' (first at line 20)"},
    {"duplicate_in_service", "    protocol: tcp\n", "    protocol: tcp\n    vip: 192.0.2.11\n",
     "f:9:5: service 'web': duplicate key 'vip' (first at line 6)"},
    {"duplicate_in_backend", "weight: 5", "port: 5",
     "f:12:46: service 'web', backend: duplicate key 'port' (first at line 12)"},
    {"missing_in_interface", "{name: eth1}", "{hook: tc}", "f:3:5: interface: missing key 'name'"},
    {"missing_vip", "    vip: 192.0.2.53\n", "", "f:14:5: service 'dns': missing key 'vip'"},
    {"missing_protocol", "    protocol: udp\n", "",
     "f:14:5: service 'dns': missing key 'protocol'"},
    {"missing_backends", "    backends:\n      - {address: 198.51.100.21, port: 53}\n", "",
     "f:14:5: service 'dns': missing key 'backends'"},
    {"missing_in_backend", "{address: 198.51.100.21, port: 53}", "{address: 198.51.100.21}",
     "f:19:9: service 'dns', backend: missing key 'port'"},
    {"missing_in_metrics", "{listen: 127.0.0.1:9470}", "{}",
     "f:22:10: metrics: missing key 'listen'"},
    {"missing_in_flow_log", "instance: blue", "flow_log: {rate: 5}",
     "f:25:11: flow_log: missing key 'file'"},
    {"unsupported_mode", "mode: dnat", "mode: ipip",
     "f:9:11: service 'web': mode 'ipip' is not supported by this version; it must be one of dnat, "
     "fullnat"},
};

const EditRow kValues[] = {
    {"flow_log_file", "instance: blue", "flow_log: {file: flows.json}",
     "f:25:18: flow_log: file must be an absolute path of printable ASCII, not 'flows.json'"},
    {"flow_log_rate", "instance: blue", "flow_log: {file: /f, rate: 0}",
     "f:25:28: flow_log: rate must be a whole number from 1 to 1000000, not '0'"},
    {"interface_too_long", "eth0", "a234567890123456",
     "f:2:12: interface 'a234567890123456': name must be an interface name (1 to 15 characters "
     "without '/', ':' and blanks), not 'a234567890123456'"},
    {"interface_with_slash", "eth0", "a/b",
     "f:2:12: interface 'a/b': name must be an interface name (1 to 15 characters without '/', ':' "
     "and blanks), not 'a/b'"},
    {"interface_with_colon", "eth0", "a:b",
     "f:2:12: interface 'a:b': name must be an interface name (1 to 15 characters "
     "without '/', ':' and blanks), not 'a:b'"},
    {"interface_dot_dot", "eth0", "..",
     "f:2:12: interface '..': name must be an interface name (1 to 15 characters "
     "without '/', ':' and blanks), not '..'"},
    {"interface_empty", "eth0", "''",
     "f:2:12: interface '': name must be an interface name (1 to 15 characters without '/', ':' "
     "and blanks), not ''"},
    {"hook", "hook: tc", "hook: tcx",
     "f:2:24: interface 'eth0': hook must be one of xdp, tc, auto, not 'tcx'"},
    {"xdp_mode", "generic", "skb",
     "f:2:38: interface 'eth0': xdp_mode must be one of native, generic, offload, not 'skb'"},
    {"interfaces_no_list", "  - {name: eth0, hook: tc, xdp_mode: generic}\n  - {name: eth1}\n",
     "  name: eth0\n", "f:2:3: interfaces must be a list, not a mapping"},
    {"service_name", "name: web", "name: my web",
     "f:5:11: service 'my web': name must be 1 to 63 of A-Z a-z 0-9 _ . -, not 'my web'"},
    {"service_name_list", "name: web", "name: [web]",
     "f:5:11: service: name must be 1 to 63 of A-Z a-z 0-9 _ . -, not a list"},
    {"vip_malformed", "192.0.2.10", "192.0.2.300",
     "f:6:10: service 'web': vip must be an IPv4 or IPv6 address, not '192.0.2.300'"},
    {"vip_host_name", "192.0.2.10", "localhost",
     "f:6:10: service 'web': vip must be an IPv4 or IPv6 address, not 'localhost'"},
    {"vip_with_prefix", "192.0.2.10", "192.0.2.0/24",
     "f:6:10: service 'web': vip must be an IPv4 or IPv6 address, not '192.0.2.0/24'"},
    {"vip_null", "192.0.2.10", "",
     "f:6:5: service 'web': vip must be an IPv4 or IPv6 address, but it has no value"},
    {"vip_multicast", "192.0.2.10", "224.0.0.1",
     "f:6:10: service 'web': vip must be a unicast address, not '224.0.0.1'"},
    {"vip_highest_multicast", "192.0.2.10", "239.255.255.255",
     "f:6:10: service 'web': vip must be a unicast address, not '239.255.255.255'"},
    {"vip_unspecified", "192.0.2.10", "0.0.0.0",
     "f:6:10: service 'web': vip must be a unicast address, not '0.0.0.0'"},
    {"vip_broadcast", "192.0.2.10", "255.255.255.255",
     "f:6:10: service 'web': vip must be a unicast address, not '255.255.255.255'"},
    {"vip_ipv6_unspecified", "192.0.2.10", "'::'",
     "f:6:10: service 'web': vip must be a unicast address, not '::'"},
    {"port_zero", "port: 443", "port: 0",
     "f:7:11: service 'web': port must be a whole number from 1 to 65535, not '0'"},
    {"port_too_high", "port: 443", "port: 65536",
     "f:7:11: service 'web': port must be a whole number from 1 to 65535, not '65536'"},
    {"port_negative", "port: 443", "port: -1",
     "f:7:11: service 'web': port must be a whole number from 1 to 65535, not '-1'"},
    {"port_octal", "port: 443", "port: 0443",
     "f:7:11: service 'web': port must be a whole number from 1 to 65535, not '0443'"},
    {"port_name", "port: 443", "port: https",
     "f:7:11: service 'web': port must be a whole number from 1 to 65535, not 'https'"},
    {"port_mapping", "port: 443", "port: {a: 1}",
     "f:7:11: service 'web': port must be a whole number from 1 to 65535, not a mapping"},
    {"protocol", "protocol: tcp", "protocol: sctp",
     "f:8:15: service 'web': protocol must be one of tcp, udp, not 'sctp'"},
    {"mode", "mode: dnat", "mode: nat",
     "f:9:11: service 'web': mode must be one of dnat, fullnat, not 'nat'"},
    {"scheduler", "maglev", "rr",
     "f:10:16: service 'web': scheduler must be one of maglev, wrr, least-conn, random, "
     "source-hash, not 'rr'"},
    {"no_backends", "    backends:\n      - {address: 198.51.100.21, port: 53}", "    backends: []",
     "f:18:15: service 'dns': backends must name at least one backend"},
    {"backend_address", "198.51.100.11", "198.51.100",
     "f:12:19: service 'web', backend: address must be an IPv4 or IPv6 address, not '198.51.100'"},
    {"backend_multicast", "198.51.100.11", "\"ff02::1\"",
     "f:12:19: service 'web', backend: address must be a unicast address, not 'ff02::1'"},
    {"backend_port_zero", "8443, weight", "0, weight",
     "f:12:40: service 'web', backend: port must be a whole number from 1 to 65535, not '0'"},
    {"weight_too_high", "weight: 5", "weight: 65536",
     "f:12:54: service 'web', backend: weight must be a whole number from 0 to 65535, not '65536'"},
    {"weight_fraction", "weight: 5", "weight: 0.5",
     "f:12:54: service 'web', backend: weight must be a whole number from 0 to 65535, not '0.5'"},
    {"limits_null", "limits: {flows: 1000, new_flows: 100, services: 4, backends: 8}",
     "limits:", "f:20:1: limits must be a mapping, but it has no value"},
    {"flows_zero", "flows: 1000", "flows: 0",
     "f:20:17: limits: flows must be a whole number from 1 to 67108864, not '0'"},
    {"new_flows_too_many", "new_flows: 100", "new_flows: 67108865",
     "f:20:34: limits: new_flows must be a whole number from 1 to 67108864, not '67108865'"},
    {"timeout_without_unit", "30s", "30",
     "f:21:64: timeouts: tcp_new must have a unit, such as 30s, 5m or 2h4m, not '30'"},
    {"timeout_malformed", "30s", "30 s",
     "f:21:64: timeouts: tcp_new must be a duration such as 30s, 5m or 2h4m, not '30 s'"},
    {"timeout_zero", "30s", "0s", "f:21:64: timeouts: tcp_new must be from 4s to 365d, not '0s'"},
    {"timeout_too_short", "30s", "3s",
     "f:21:64: timeouts: tcp_new must be from 4s to 365d, not '3s'"},
    {"listen_without_port", "127.0.0.1:9470", "127.0.0.1",
     "f:22:19: metrics: listen must be ADDRESS:PORT, such as 127.0.0.1:9470, not '127.0.0.1'"},
    {"listen_port_zero", ":9470", ":0",
     "f:22:19: metrics: listen must be ADDRESS:PORT, such as 127.0.0.1:9470, not '127.0.0.1:0'"},
    {"socket_relative", "/run/weir/weir.sock", "weir.sock",
     "f:23:15: api: socket must be an absolute path of at most 107 bytes of ASCII, not "
     "'weir.sock'"},
    {"api_listen_without_tls", "socket: /run/weir/weir.sock", "listen: 192.0.2.5:9471",
     "f:23:15: api: listen needs `tls` beside it: over TCP, both ends show a certificate"},
    {"api_tls_without_listen", "socket: /run/weir/weir.sock",
     "tls: {certificate: /c, key: /k, client_ca: /a}",
     "f:23:12: api: tls needs `listen` beside it: the ADDRESS:PORT that it is for"},
    {"api_listen_is_no_address", "socket: /run/weir/weir.sock",
     "listen: lb.example:9471, tls: {certificate: /c, key: /k, client_ca: /a}",
     "f:23:15: api: listen must be ADDRESS:PORT, such as 192.0.2.5:9471, not 'lb.example:9471'"},
    {"api_listen_is_that_of_metrics", "socket: /run/weir/weir.sock",
     "listen: 127.0.0.1:9470, tls: {certificate: /c, key: /k, client_ca: /a}",
     "f:23:15: api: listen is 127.0.0.1:9470, as metrics.listen is"},
    {"api_tls_without_a_key", "socket: /run/weir/weir.sock",
     "listen: 192.0.2.5:9471, tls: {certificate: /c, client_ca: /a}",
     "f:23:36: api, tls: missing key 'key'"},
    {"api_tls_without_a_certificate", "socket: /run/weir/weir.sock",
     "listen: 192.0.2.5:9471, tls: {key: /k, client_ca: /a}",
     "f:23:36: api, tls: missing key 'certificate'"},
    {"api_tls_without_an_authority", "socket: /run/weir/weir.sock",
     "listen: 192.0.2.5:9471, tls: {certificate: /c, key: /k}",
     "f:23:36: api, tls: missing key 'client_ca'"},
    {"api_tls_file_relative", "socket: /run/weir/weir.sock",
     "listen: 192.0.2.5:9471, tls: {certificate: /c, key: k, client_ca: /a}",
     "f:23:59: api, tls: key must be an absolute path of printable ASCII, not 'k'"},
    {"api_tls_is_no_mapping", "socket: /run/weir/weir.sock", "listen: 192.0.2.5:9471, tls: true",
     "f:23:36: api, tls must be a mapping, not a single value"},
    {"mac_malformed", "02:00:00:00:00:01", "02:00:00:00:00",
     "f:24:15: replay: mac must be a unicast MAC address such as 02:00:00:00:00:01, not "
     "'02:00:00:00:00'"},
    {"mac_zero", "02:00:00:00:00:01", "00:00:00:00:00:00",
     "f:24:15: replay: mac must be a unicast MAC address such as 02:00:00:00:00:01, not "
     "'00:00:00:00:00:00'"},
    {"mac_group", "02:00:00:00:00:01", "01:00:5e:00:00:01",
     "f:24:15: replay: mac must be a unicast MAC address such as 02:00:00:00:00:01, not "
     "'01:00:5e:00:00:01'"},
    {"instance_with_dot", "blue", "a.b",
     "f:25:11: instance must be 1 to 31 of A-Z a-z 0-9 _ -, not 'a.b'"},
};

const EditRow kMeanings[] = {
    {"duplicate_interface", "eth1", "eth0", "f:3:5: duplicate interface 'eth0' (first at line 2)"},
    {"duplicate_service_name", "name: dns", "name: web",
     "f:14:5: duplicate service name 'web' (first at line 5)"},
    {"duplicate_vip", "vip: 192.0.2.53\n    port: 53\n    protocol: udp",
     "vip: 192.0.2.10\n    port: 443\n    protocol: tcp",
     "f:14:5: service 'dns' has the same VIP, port and protocol as service 'web' at line 5: "
     "192.0.2.10:443/tcp"},
    {"duplicate_backend", "198.51.100.12", "198.51.100.11",
     "f:13:9: service 'web', backend 198.51.100.11:8443: duplicate backend (first at line 12)"},
    {"backend_of_other_family", "198.51.100.12", "\"2001:db8::12\"",
     "f:13:9: service 'web', backend [2001:db8::12]:8443: mode dnat needs a backend of the VIP's "
     "family, that of 192.0.2.10"},
    {"backend_is_its_own_vip", "198.51.100.21", "192.0.2.53",
     "f:19:9: service 'dns', backend 192.0.2.53:53: this is the VIP of service 'dns' at line 14; "
     "its packets would go round in circles"},
    {"backend_is_a_later_vip", "vip: 192.0.2.53\n    port: 53\n    protocol: udp",
     "vip: 198.51.100.12\n    port: 8443\n    protocol: tcp",
     "f:13:9: service 'web', backend 198.51.100.12:8443: this is the VIP of service 'dns' at line "
     "14; its packets would go round in circles"},
    {"too_many_services", "services: 4", "services: 1",
     "f:14:5: 2 services are more than limits.services (1)"},
    {"too_many_backends", "backends: 8", "backends: 2",
     "f:19:9: 3 backends are more than limits.backends (2)"},
};

INSTANTIATE_TEST_SUITE_P(Key, ConfigValue, testing::ValuesIn(kKeys), row_name<EditRow>);
INSTANTIATE_TEST_SUITE_P(Value, ConfigValue, testing::ValuesIn(kValues), row_name<EditRow>);
INSTANTIATE_TEST_SUITE_P(Meaning, ConfigValue, testing::ValuesIn(kMeanings), row_name<EditRow>);

// The order of the checks, not of the lines: limits are read before the instance.
TEST(ConfigErrors, TheFirstProblemIsTheOneReported) {
    EXPECT_EQ(error_of("services: []\ninstance: '!'\nlimits: {flows: x}\n"),
              "f:3:17: limits: flows must be a whole number from 1 to 67108864, not 'x'");
}

}  // namespace
}  // namespace weir
