// What the doctor says of whole hosts, and how.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/doctor_fixture.h"

namespace weir {
namespace {

using testing::IsEmpty;

TEST(DoctorOf, AHealthyHostHasNoComplaint) {
    const auto config = config_of();
    const auto findings = diagnose(healthy(), &config);
    EXPECT_THAT(complaints(findings), IsEmpty()) << show_findings(complaints(findings));
    EXPECT_GT(findings.size(), 20U);
    EXPECT_TRUE(is_healthy(findings));
}

TEST(DoctorOf, AHostWithoutConfigurationIsNotJudgedByOne) {
    auto host = healthy();
    host.links = {};
    host.forwarding_v6 = 0;
    const auto found = complaints(diagnose(host, nullptr));
    ASSERT_EQ(found.size(), 1U) << show_findings(found);
    EXPECT_EQ(found[0].severity, Severity::warn) << "it may serve no IPv6";
}

TEST(DoctorOf, AHostThatServesOnlySocketsForwardsNothing) {
    auto host = healthy();
    host.forwarding_v4 = 0;
    host.links = {};
    auto config = config_of();
    config.interfaces = {};
    const auto found = complaints(diagnose(host, &config));
    EXPECT_THAT(found, IsEmpty()) << show_findings(found);
}

TEST(DoctorOf, WithoutAnyInterfaceNothingStarts) {
    auto host = healthy();
    for (auto &link : host.links)
        link.exists = false;
    const auto config = config_of();
    EXPECT_FALSE(is_healthy(diagnose(host, &config)));
}

TEST(DoctorOf, StrictReversePathHurtsNobodyWithOneArm) {
    auto host = healthy();
    host.links.pop_back();
    host.routes[0].interface = host.routes[1].interface = "eth0";
    host.rp_filter_all = 1;
    const auto config = config_of();
    EXPECT_THAT(complaints(diagnose(host, &config)), IsEmpty());
}

TEST(DoctorOf, LooseOnTheInterfaceWinsOverStrictForAll) {
    auto host = healthy();
    host.rp_filter_all = 1;
    for (auto &link : host.links)
        link.rp_filter = 2;
    const auto config = config_of();
    EXPECT_THAT(complaints(diagnose(host, &config)), IsEmpty()) << "so its remedy mends it";
}

TEST(DoctorOf, WithTcNoOffloadOfTheNicIsInTheWay) {
    auto host = healthy();
    for (auto &link : host.links) {
        link.takes_xdp = false;
        link.native_xdp = false;
        link.vlans = {"vlan5"};
        link.features["rx-gro-hw"].on = true;
    }
    const auto config = config_of();
    EXPECT_THAT(complaints(diagnose(host, &config)), IsEmpty());
}

TEST(DoctorOf, Ipv6BackendsOfIpv4ClientsWantALargerMtuTowardsThem) {
    auto text = std::string(kConfig);
    text.replace(text.find("192.0.2.12"), 10, "\"2001:db8::12\"");
    text.replace(text.find("[192.0.2.1]"), 11, "[192.0.2.1, \"2001:db8::1\"]");
    const auto config = config_of(text);
    auto host = healthy();
    host.routes[1] = {*Address::parse("2001:db8::12"), "eth1"};
    const auto found = complaints(diagnose(host, &config));
    ASSERT_EQ(found.size(), 1U) << show_findings(found);
    EXPECT_EQ(found[0].remedy, "ip link set eth1 mtu 1520");
    host.links[1].mtu = 1520;
    EXPECT_THAT(complaints(diagnose(host, &config)), IsEmpty()) << "so its remedy mends it";
}

TEST(DoctorOf, ItsOwnDaemonIsNotInTheWayOfItself) {
    auto host = healthy();
    host.instances = {{"a", true}};
    host.api_socket = SocketFound::served;
    const auto config = config_of();
    EXPECT_THAT(complaints(diagnose(host, &config)), IsEmpty());
}

TEST(DoctorText, SysctlTakesInterfacesWithADotInTheirName) {
    EXPECT_EQ(sysctl_command("net/ipv4/conf/eth0.5/rp_filter", "2"),
              "sysctl -w net/ipv4/conf/eth0.5/rp_filter=2");
    EXPECT_EQ(sysctl_command("net/ipv4/ip_forward", "1"), "sysctl -w net.ipv4.ip_forward=1");
}

TEST(DoctorText, ALineHasWhatWhyAndTheCommand) {
    const Finding finding{"lro", "eth0",     Severity::fail,
                          "on",  "it hurts", "ethtool -K eth0 lro off"};
    EXPECT_EQ(to_line(finding), "lro of eth0: on: it hurts (ethtool -K eth0 lro off)");
    EXPECT_EQ(show_findings({finding}),
              "fail  lro eth0: on\n      it hurts\n      => ethtool -K eth0 lro off\n"
              "0 ok, 0 skipped, 0 warnings, 1 failures\n");
}

TEST(DoctorText, JsonSaysTheSame) {
    const auto document = to_json({{"lro", "eth0", Severity::warn, "on", "why", "how"}});
    EXPECT_EQ(document["healthy"], true) << "a warning is no failure";
    EXPECT_EQ(document["findings"][0]["severity"], "warn");
    EXPECT_EQ(document["findings"][0]["remedy"], "how");
}

}  // namespace
}  // namespace weir
