// What is refused in the keys of the control plane, row by row, with the exact message.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/unit/config_errors.h"

namespace weir {
namespace {

// What is refused: `lines` of the service, `rest` of the file.
struct HealthRow {
    const char *name;
    std::string lines;
    std::string expected;
    std::string rest{};
};

void PrintTo(const HealthRow &row, std::ostream *out) {
    *out << row.name;
}

class ConfigHealthRefusal : public testing::TestWithParam<HealthRow> {};

TEST_P(ConfigHealthRefusal, NamesLineAndKey) {
    const HealthRow &row = GetParam();
    ASSERT_EQ(error_of(service_with("health_check: {type: tcp}")), "accepted");
    EXPECT_EQ(error_of(service_with(row.lines, row.rest)), "f:" + row.expected);
}

const std::string kService = "service 'web': ";
const std::string kCheck = "service 'web', health_check: ";

const HealthRow kScheduling[] = {
    {"ring_size_no_prime", "ring_size: 1024",
     "10:16: " + kService +
         "ring_size must be a prime number from 7 to 8388608, such as 1021, 16381 or 65537, not "
         "'1024'"},
    {"ring_size_small", "ring_size: 5",
     "10:16: " + kService +
         "ring_size must be a prime number from 7 to 8388608, such as 1021, 16381 or 65537, not "
         "'5'"},
    {"ring_size_large", "ring_size: 8388617",
     "10:16: " + kService +
         "ring_size must be a prime number from 7 to 8388608, such as 1021, 16381 or 65537, not "
         "'8388617'"},
    {"slow_start_without_unit", "slow_start: 30",
     "10:17: " + kService + "slow_start must have a unit, such as 30s, 5m or 2h4m, not '30'"},
    {"drain_timeout_in_milliseconds", "drain_timeout: 500ms",
     "10:20: " + kService +
         "drain_timeout must be in whole seconds, such as 1s or 2h4m, not '500ms'"},
    {"on_down", "on_down: kill",
     "10:14: " + kService + "on_down must be one of keep, reset, reselect, not 'kill'"},
    {"min_active_negative", "min_active: -1",
     "10:17: " + kService + "min_active must be a whole number from 0 to 1048576, not '-1'"},
    {"min_active_too_many", "min_active: 3",
     "2:5: service 'web': min_active is 3, and there are 2 backends beside fallbacks"},
};

const HealthRow kCommon[] = {
    {"scalar", "health_check: tcp",
     "10:19: service 'web', health_check must be a mapping, not a single value"},
    {"without_type", "health_check: {interval: 1s}", "10:19: " + kCheck + "missing key 'type'"},
    {"type", "health_check: {type: htp, path: /}",
     "10:26: " + kCheck + "type must be one of tcp, http, https, udp, dns, icmp, exec, not 'htp'"},
    {"key_of_another_type", "health_check: {type: tcp, path: /}",
     "10:31: " + kCheck + "unknown key 'path' (known keys: type, interval, timeout, rise, fall)"},
    {"tls_key_of_http", "health_check: {type: http, verify: false}",
     "10:32: " + kCheck +
         "unknown key 'verify' (known keys: type, interval, timeout, rise, fall, path, host, "
         "status, body)"},
    {"interval_without_unit", "health_check: {type: tcp, interval: 2}",
     "10:41: " + kCheck + "interval must have a unit, such as 200ms or 2s, not '2'"},
    {"interval_malformed", "health_check: {type: tcp, interval: 1.5s}",
     "10:41: " + kCheck + "interval must be a duration such as 200ms or 2s, not '1.5s'"},
    {"interval_short", "health_check: {type: tcp, interval: 9ms}",
     "10:41: " + kCheck + "interval must be from 10ms to 1h, not '9ms'"},
    {"interval_long", "health_check: {type: tcp, interval: 1h1ms}",
     "10:41: " + kCheck + "interval must be from 10ms to 1h, not '1h1ms'"},
    {"timeout_zero", "health_check: {type: tcp, timeout: 0ms}",
     "10:40: " + kCheck + "timeout must be from 1ms to 365d, not '0ms'"},
    {"timeout_above_interval", "health_check: {type: tcp, interval: 1s, timeout: 1s1ms}",
     "10:54: " + kCheck + "timeout must be at most the interval (1s), not '1s1ms'"},
    {"timeout_long", "health_check: {type: tcp, interval: 5m, timeout: 2m}",
     "10:54: " + kCheck + "timeout must be at most 1m, not '2m'"},
    {"rise_zero", "health_check: {type: tcp, rise: 0}",
     "10:37: " + kCheck + "rise must be a whole number from 1 to 100, not '0'"},
    {"fall_too_many", "health_check: {type: tcp, fall: 101}",
     "10:37: " + kCheck + "fall must be a whole number from 1 to 100, not '101'"},
};

const HealthRow kTypes[] = {
    {"path_relative", "health_check: {type: http, path: healthz}",
     "10:38: " + kCheck +
         "path must be a path that begins with '/', without blanks, not 'healthz'"},
    {"path_with_blank", "health_check: {type: http, path: /a b}",
     "10:38: " + kCheck + "path must be a path that begins with '/', without blanks, not '/a b'"},
    {"path_with_line_break", "health_check: {type: http, path: \"/a\\r\\nb\"}",
     "10:38: " + kCheck +
         "path must be a path that begins with '/', without blanks, not '/a\\x0d\\x0ab'"},
    {"host", "health_check: {type: http, host: web/example}",
     "10:38: " + kCheck +
         "host must be a host name or an address, with a port if need be, not 'web/example'"},
    {"host_port", "health_check: {type: http, host: \"web.example:0\"}",
     "10:38: " + kCheck +
         "host must be a host name or an address, with a port if need be, not 'web.example:0'"},
    {"status", "health_check: {type: http, status: 2xx}",
     "10:40: " + kCheck +
         "status must be a status or a range of them, such as 200 or 200-399, not '2xx'"},
    {"status_range", "health_check: {type: http, status: 399-200}",
     "10:40: " + kCheck +
         "status must be a status or a range of them, such as 200 or 200-399, not '399-200'"},
    {"status_high", "health_check: {type: http, status: 600}",
     "10:40: " + kCheck +
         "status must be a status or a range of them, such as 200 or 200-399, not '600'"},
    {"body_empty", "health_check: {type: http, body: \"\"}",
     "10:38: " + kCheck + "body must be a text of 1 to 1024 bytes, not ''"},
    {"verify", "health_check: {type: https, verify: maybe}",
     "10:41: " + kCheck + "verify must be true or false, not 'maybe'"},
    {"ca_file", "health_check: {type: https, ca_file: ca.pem}",
     "10:42: " + kCheck + "ca_file must be an absolute path of printable ASCII, not 'ca.pem'"},
    {"sni", "health_check: {type: https, sni: \"*.example\"}",
     "10:38: " + kCheck + "sni must be a host name or an address, not '*.example'"},
    {"udp_without_send", "health_check: {type: udp}",
     "10:19: " + kCheck + "send is missing: a type udp check needs a datagram that is answered"},
    {"send_empty", "health_check: {type: udp, send: \"\"}",
     "10:37: " + kCheck + "send must be a text of 1 to 1024 bytes, not ''"},
    {"send_no_base64", "health_check: {type: udp, send: !!binary \"?\"}",
     "10:37: " + kCheck + "send must be 1 to 1024 bytes in base64"},
    {"expect_list", "health_check: {type: udp, send: a, expect: [b]}",
     "10:48: " + kCheck + "expect must be a text of 1 to 1024 bytes, not a list"},
    {"dns_without_query", "health_check: {type: dns}",
     "10:19: " + kCheck + "query is missing: a type dns check asks for a name"},
    {"query_empty_label", "health_check: {type: dns, query: a..b}",
     "10:38: " + kCheck + "query must be a domain name, not 'a..b'"},
    {"query_long_label", "health_check: {type: dns, query: " + std::string(64, 'a') + "}",
     "10:38: " + kCheck + "query must be a domain name, not '" + std::string(64, 'a') + "'"},
    {"query_url", "health_check: {type: dns, query: 'http://a'}",
     "10:38: " + kCheck + "query must be a domain name, not 'http://a'"},
    {"record", "health_check: {type: dns, query: a.example, record: MX}",
     "10:57: " + kCheck + "record must be A or AAAA, not 'MX'"},
    {"expect_family", "health_check: {type: dns, query: a.example, expect: \"2001:db8::1\"}",
     "10:57: " + kCheck + "expect must be an IPv4 address, not '2001:db8::1'"},
    {"exec_without_command", "health_check: {type: exec}",
     "10:19: " + kCheck + "command is missing: a type exec check runs a program"},
    {"command_empty", "health_check: {type: exec, command: []}",
     "10:41: " + kCheck + "command must begin with the absolute path of a program"},
    {"command_relative", "health_check: {type: exec, command: [check]}",
     "10:41: " + kCheck + "command must begin with the absolute path of a program"},
    {"command_scalar", "health_check: {type: exec, command: /bin/true}",
     "10:41: " + kCheck + "command must be a list, not a single value"},
    {"command_with_nul", "health_check: {type: exec, command: [/bin/true, \"a\\0b\"]}",
     "10:53: " + kCheck +
         "command must hold a program and its arguments, of at most 1024 bytes each, not "
         "'a\\x00b'"},
};

const HealthRow kElsewhere[] = {
    {"state_file", "on_down: keep",
     "11:13: state_file must be an absolute path of printable ASCII, not 'state.json'",
     "state_file: state.json\n"},
    {"log_level", "on_down: keep",
     "11:14: log: level must be one of debug, info, warn, error, not 'trace'",
     "log: {level: trace}\n"},
    {"log_without_level", "on_down: keep", "11:6: log: missing key 'level'", "log: {}\n"},
    {"watch", "on_down: keep", "11:8: watch must be true or false, not 'yes'", "watch: yes\n"},
    {"api_group", "on_down: keep", "11:14: api: group must be the name of a group, not 'a b'",
     "api: {group: a b}\n"},
};

INSTANTIATE_TEST_SUITE_P(Scheduling, ConfigHealthRefusal, testing::ValuesIn(kScheduling),
                         row_name<HealthRow>);
INSTANTIATE_TEST_SUITE_P(Common, ConfigHealthRefusal, testing::ValuesIn(kCommon),
                         row_name<HealthRow>);
INSTANTIATE_TEST_SUITE_P(Type, ConfigHealthRefusal, testing::ValuesIn(kTypes), row_name<HealthRow>);
INSTANTIATE_TEST_SUITE_P(Elsewhere, ConfigHealthRefusal, testing::ValuesIn(kElsewhere),
                         row_name<HealthRow>);

// `fields` of the only backend beside which there is nothing.
std::string backend_error(const std::string &fields, const std::string &service = "") {
    return error_of(
        "services:\n  - name: web\n    vip: 192.0.2.10\n    port: 443\n    protocol: tcp\n" +
        service + "    backends:\n      - {address: 198.51.100.11, port: 8443, " + fields + "}\n");
}

TEST(ConfigHealthErrors, OverridesOfABackend) {
    const std::string checked = "    health_check: {type: tcp}\n";
    EXPECT_EQ(backend_error("health_check: {port: 1}", checked), "accepted");
    EXPECT_EQ(backend_error("health_check: {port: 1}"),
              "f:7:9: service 'web', backend 198.51.100.11:8443: health_check says where to check, "
              "and the service has no health_check");
    EXPECT_EQ(backend_error("health_check: {port: 0}", checked),
              "f:8:67: service 'web', backend, health_check: port must be a whole number from 1 to "
              "65535, not '0'");
    EXPECT_EQ(backend_error("health_check: {address: 224.0.0.1}", checked),
              "f:8:70: service 'web', backend, health_check: address must be a unicast address, "
              "not '224.0.0.1'");
    EXPECT_EQ(backend_error("health_check: {type: tcp}", checked),
              "f:8:61: service 'web', backend, health_check: unknown key 'type' (known keys: "
              "address, port)");
    EXPECT_EQ(backend_error("fallback: 1"),
              "f:7:56: service 'web', backend: fallback must be true or false, not '1'");
    EXPECT_EQ(backend_error("fallback: true"), "f:2:5: service 'web': every backend is a fallback");
}

TEST(ConfigHealthErrors, ARingThatIsOfNoUse) {
    EXPECT_EQ(error_of(service_with("scheduler: wrr\n    ring_size: 1021")),
              "f:2:5: service 'web': ring_size is for the schedulers maglev and source-hash");
}

}  // namespace
}  // namespace weir
