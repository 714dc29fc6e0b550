// The hosts around one Weir, each a network namespace:
//
//   client 198.51.100.2 ──── lb0 198.51.100.1 ┌──────┐ 192.0.2.1   lb1 ──── 192.0.2.11  one
//                                             │ weir │
//   (routes the VIPs 203.0.113.0/24 to lb0)   └──────┘ 192.0.2.129 lb2 ──── 192.0.2.141 two
//
// and with IPv6, which is always there as well, 2001:db8:1::/64 on lb0, 2001:db8:2::/64 on lb1 and
// 2001:db8:3::/64 on lb2, VIPs in 2001:db8:10::/64. A test talks to the services of one family.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "lb/api/documents.h"
#include "tests/support/netns.h"
#include "tests/support/process.h"
#include "tests/support/temp.h"

namespace weir::test {

enum class Family { v4, v6 };
std::string to_string(Family family);

// Where what is, in one family.
struct Places {
    explicit Places(Family family);

    Address client;
    Address stranger;  // beside the client, and nobody
    Endpoint vip_tcp, vip_udp, vip_local;
    Endpoint at_one, at_two, at_weir;
};

struct World : Places {
    explicit World(Family family);

    Netns client_host, weir, one, two;
};

// What a configuration says; text() is YAML.
struct Settings {
    Family family = Family::v4;
    std::string hook = "xdp";
    std::string interfaces = "lb0 lb1 lb2";  // "lb0:tc": with a hook of its own
    std::string backends_of_web{};           // of dns as well; empty: both
    std::string socket = "/run/weir/weir.sock";
    std::string metrics = "127.0.0.1:9470";
    std::string instance = "default";
    std::string limits = "{flows: 4096, new_flows: 1024}";
    std::string more{};  // appended as it is

    std::string text() const;
};

// A test with a world of its own; afterwards nothing of Weir is left in it.
class WeirTest : public testing::Test {
  protected:
    explicit WeirTest(Family family = Family::v4) : family_(family) {}
    void SetUp() override;
    void TearDown() override;

    World &world() { return *world_; }
    std::string write_config(const std::string &text) { return folder_.write("weir.yaml", text); }
    const TempDir &folder() const { return folder_; }

    // `weir ARGUMENTS` in Weir's namespace, to its end.
    ProcessResult weir(const std::vector<std::string> &arguments);
    // `weir LISTING --json ...`, parsed; fails the test when it does not exit with 0.
    Json listing(const std::vector<std::string> &arguments);
    // `weir run`, ready.
    std::unique_ptr<Process> start(const std::string &config_file);
    // Of /metrics, "weir_drops_total{reason=\"no_backend\"}"; -1 when it is not there.
    double metric(const std::string &name);

    // Programs on any interface, or a clsact qdisc; empty: none. Text for people.
    std::string attached();
    // Pins of any instance; empty: none.
    static std::string pinned();
    void expect_nothing_left();

  private:
    Family family_;
    TempDir folder_;
    std::unique_ptr<World> world_;
};

// How many lines `text` has; each must end.
std::size_t lines(const std::string &text);

}  // namespace weir::test
