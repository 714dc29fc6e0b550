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

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

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
    Address one_side, two_side;  // Weir's own, towards the backends
    Address far;                 // of World::add_far()
    Endpoint at_server;          // of World::add_server()
};

struct World : Places {
    explicit World(Family family);

    // The largest IP packet that Weir sends out of a link, bytes; the far end still sends larger
    // ones.
    void limit(const std::string &link, int mtu) const;
    // Lets every host have its NIC cut up segments and finish checksums, as virtual machines do.
    void offload() const;

    // A client whose router is `client_host`, a backend whose router is `one`.
    void add_far();
    void add_server();

    Netns client_host, weir, one, two;
    std::optional<Netns> far_host, server;
};

// What a configuration says; text() is YAML.
struct Settings {
    Family family = Family::v4;
    std::string hook = "xdp";
    std::string interfaces = "lb0 lb1 lb2";  // "lb0:tc": with a hook of its own
    std::string backends_of_web{};           // of dns as well; empty: both
    std::string of_web{};                    // of dns as well: "mode: fullnat", one line or many
    std::string socket = "/run/weir/weir.sock";
    std::string of_api{};  // beside the socket: ", group: adm"
    std::string metrics = "127.0.0.1:9470";
    std::string instance = "default";
    std::string state_file = "/run/weir-state/state.json";  // not the host's
    std::string services{};  // more of them, entries of the list as they are
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
    std::unique_ptr<Process> start(const std::string &config_file,
                                   const std::string &binary = WEIR_BINARY,
                                   const std::vector<std::string> &environment = {});
    // Of /metrics, "weir_drops_total{reason=\"no_backend\"}"; -1 when it is not there.
    double metric(const std::string &name);

    // weir_drops_total by reason, those that are not zero.
    std::map<std::string, double> drops();

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

// A test that is run for every hook and both families.
using HookAndFamily = std::tuple<const char *, Family>;

class HookTest : public WeirTest, public testing::WithParamInterface<HookAndFamily> {
  protected:
    HookTest() : WeirTest(family()) {}

    static std::string hook() { return std::get<const char *>(GetParam()); }
    static Family family() { return std::get<Family>(GetParam()); }
    static bool v4() { return family() == Family::v4; }
    // For a command line: "-4" or "-6".
    static std::string flag() { return v4() ? "-4" : "-6"; }
    // `settings` with this test's hook and family.
    std::unique_ptr<Process> start_with(Settings settings) {
        settings.hook = hook();
        settings.family = family();
        return start(write_config(settings.text()));
    }
};

inline auto every_hook_and_family() {
    return testing::Combine(testing::Values("xdp", "tc"), testing::Values(Family::v4, Family::v6));
}
std::string name_of(const testing::TestParamInfo<HookAndFamily> &instance);  // "xdp_v4"

// What an EchoServer says: who served, and as whom the client was seen.
struct Answer {
    std::string server;
    std::string client;
    std::string text;
};
Answer parse(const std::optional<std::string> &reply);

// How many lines `text` has; each must end.
std::size_t lines(const std::string &text);

}  // namespace weir::test
