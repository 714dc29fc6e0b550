// The keys of the control plane: schedulers, health checks, draining, state. What they mean, and
// that to_yaml() keeps them.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/config_errors.h"

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Config parsed(const std::string &text) {
    auto config = parse_config(text, "f");
    EXPECT_TRUE(config) << config.error().message << '\n' << text;
    return config.value_or(Config{});
}

HealthCheckConfig check_of(const std::string &check) {
    const Config config = parsed(service_with("health_check: " + check));
    if (config.services.empty() || !config.services[0].health_check)
        return {};
    // What is printed says the same.
    const Config again = parsed(to_yaml(config));
    EXPECT_EQ(again.services.at(0).health_check, config.services[0].health_check);
    EXPECT_EQ(to_yaml(again), to_yaml(config));
    return *config.services[0].health_check;
}

TEST(ConfigHealth, AMinimalCheckHasTheDefaults) {
    const HealthCheckConfig check = check_of("{type: tcp}");
    EXPECT_EQ(check, HealthCheckConfig{});
    EXPECT_EQ(check.interval, milliseconds(2000));
    EXPECT_EQ(check.timeout, milliseconds(1000));
    EXPECT_EQ(check.rise, 2U);
    EXPECT_EQ(check.fall, 3U);
}

TEST(ConfigHealth, AShortIntervalShortensTheDefaultTimeout) {
    EXPECT_EQ(check_of("{type: tcp, interval: 200ms}").timeout, milliseconds(200));
    EXPECT_EQ(check_of("{type: tcp, interval: 3s}").timeout, milliseconds(1000));
}

TEST(ConfigHealth, EveryKeyOfEveryTypeIsReadAndKept) {
    HealthCheckConfig wanted;
    wanted.interval = milliseconds(5500);
    wanted.timeout = milliseconds(250);
    wanted.rise = 1;
    wanted.fall = 100;
    const std::string times = "interval: 5s500ms, timeout: 250ms, rise: 1, fall: 100";
    const auto with = [&](CheckType type) {
        auto check = wanted;
        check.type = type;
        return check;
    };
    EXPECT_EQ(check_of("{type: tcp, " + times + "}"), with(CheckType::tcp));
    EXPECT_EQ(check_of("{type: icmp, " + times + "}"), with(CheckType::icmp));
    auto http = with(CheckType::http);
    http.path = "/healthz?full=1";
    http.host = "web.example:8080";
    http.status = {204, 204};
    http.body = "all \"is\" well: größer\n";
    EXPECT_EQ(check_of("{type: http, " + times +
                       ", path: \"/healthz?full=1\", host: \"web.example:8080\", status: 204, "
                       "body: \"all \\\"is\\\" well: größer\\n\"}"),
              http);
    auto https = with(CheckType::https);
    https.path = "/";
    https.status = {200, 299};
    https.verify = false;
    https.ca_file = "/etc/ssl/my ca.pem";
    https.sni = "web.example";
    EXPECT_EQ(check_of("{type: https, " + times +
                       ", status: 200-299, verify: false, ca_file: /etc/ssl/my ca.pem, "
                       "sni: web.example}"),
              https);
    auto dns = with(CheckType::dns);
    dns.query = "a.example";
    dns.query_v6 = true;
    dns.expect = "2001:db8::1";
    EXPECT_EQ(check_of("{type: dns, " + times +
                       ", query: a.example, record: AAAA, expect: \"2001:db8::1\"}"),
              dns);
    auto exec = with(CheckType::exec);
    exec.command = {"/usr/lib/check", "-x", "", "a \"b\" $c\n"};
    EXPECT_EQ(check_of("{type: exec, " + times +
                       ", command: [/usr/lib/check, -x, \"\", \"a \\\"b\\\" $c\\n\"]}"),
              exec);
}

TEST(ConfigHealth, ADatagramMayHoldAnyBytes) {
    const auto check = check_of("{type: udp, send: !!binary GwD/gA==, expect: \"\\x1c\\0\"}");
    EXPECT_EQ(check.send, std::string("\x1b\0\xff\x80", 4));
    EXPECT_EQ(check.expect, std::string("\x1c\0", 2));
    EXPECT_EQ(check_of("{type: udp, send: \"a\\r\\n\\t\"}").send, "a\r\n\t");
}

TEST(ConfigHealth, NamesThatYamlWouldReadOtherwiseAreKept) {
    for (const char *text :
         {"null", "~", "{}", "[a]", "a: b", "#a", "'", "\"", "\\", "- a", "1e3"}) {
        Config config = parsed(service_with("health_check: {type: udp, send: x, expect: y}"));
        config.services[0].health_check->send = text;
        config.services[0].health_check->expect = text;
        EXPECT_EQ(parsed(to_yaml(config)).services[0].health_check, config.services[0].health_check)
            << to_yaml(config);
    }
}

const std::string kEverything = R"(services:
  - name: web
    vip: 192.0.2.10
    port: 443
    protocol: tcp
    scheduler: source-hash
    ring_size: 1021
    slow_start: 30s
    on_down: reselect
    drain_timeout: 5m
    min_active: 1
    health_check: {type: tcp}
    backends:
      - {address: 198.51.100.11, port: 8443, health_check: {address: 203.0.113.1, port: 80}}
      - {address: 198.51.100.12, port: 8443, health_check: {port: 81}}
      - {address: 198.51.100.13, port: 8443, health_check: {address: "2001:db8::1"}}
      - {address: 198.51.100.14, port: 8443, fallback: true}
api:
  socket: /run/weir.sock
  group: adm
  listen: "[2001:db8::5]:9471"
  tls: {certificate: /tls/own cert.pem, key: /tls/own.key, client_ca: /tls/ca.pem}
state_file: /var/lib/weir/my state.json
log: {level: debug}
watch: true
)";

void expect_everything(const Config &config) {
    ASSERT_EQ(config.services.size(), 1U);
    const ServiceConfig &service = config.services[0];
    EXPECT_EQ(service.scheduler, Scheduler::source_hash);
    EXPECT_EQ(service.ring_size, 1021U);
    EXPECT_EQ(service.slow_start, seconds(30));
    EXPECT_EQ(service.on_down, OnDown::reselect);
    EXPECT_EQ(service.drain_timeout, seconds(300));
    EXPECT_EQ(service.min_active, 1U);
    ASSERT_EQ(service.backends.size(), 4U);
    EXPECT_EQ(service.backends[0].check_address, Address::parse("203.0.113.1"));
    EXPECT_EQ(service.backends[0].check_port, 80);
    EXPECT_EQ(service.backends[1].check_address, std::nullopt);
    EXPECT_EQ(service.backends[1].check_port, 81);
    EXPECT_EQ(service.backends[2].check_address, Address::parse("2001:db8::1"));
    EXPECT_EQ(service.backends[2].check_port, std::nullopt);
    EXPECT_FALSE(service.backends[2].fallback);
    EXPECT_TRUE(service.backends[3].fallback);
    EXPECT_EQ(config.api_group, "adm");
    ASSERT_TRUE(config.api_tcp);
    EXPECT_EQ(config.api_tcp->listen, Endpoint::parse("[2001:db8::5]:9471"));
    EXPECT_EQ(config.api_tcp->certificate.path, "/tls/own cert.pem");
    EXPECT_EQ(config.api_tcp->key.path, "/tls/own.key");
    EXPECT_EQ(config.api_tcp->client_ca.path, "/tls/ca.pem");
    EXPECT_EQ(config.state_file, "/var/lib/weir/my state.json");
    EXPECT_EQ(config.log_level, LogLevel::debug);
    EXPECT_TRUE(config.watch);
}

TEST(ConfigHealth, TheOtherKeysOfTheControlPlaneAreReadAndKept) {
    const Config config = parsed(kEverything);
    expect_everything(config);
    const Config again = parsed(to_yaml(config));
    expect_everything(again);
    EXPECT_EQ(to_yaml(again), to_yaml(config));
}

TEST(ConfigHealth, EverySchedulerAndEveryEndOfAFlowHasItsName) {
    for (const char *scheduler : {"maglev", "wrr", "least-conn", "random", "source-hash"}) {
        const Config config = parsed(service_with(std::string("scheduler: ") + scheduler));
        EXPECT_EQ(to_string(config.services[0].scheduler), scheduler);
        EXPECT_EQ(parsed(to_yaml(config)).services[0].scheduler, config.services[0].scheduler);
    }
    for (const char *on_down : {"keep", "reset", "reselect"})
        EXPECT_EQ(
            to_string(parsed(service_with(std::string("on_down: ") + on_down)).services[0].on_down),
            on_down);
}

TEST(ConfigHealth, TheStateFileIsTheInstances) {
    EXPECT_EQ(parsed("services: []").state_file, "/var/lib/weir/default.json");
    EXPECT_EQ(parsed("services: []\ninstance: blue\n").state_file, "/var/lib/weir/blue.json");
}

}  // namespace
}  // namespace weir
