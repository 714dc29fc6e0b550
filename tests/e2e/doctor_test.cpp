// `weir doctor` on real interfaces: a finding appears, its own command mends it, it goes.
#include <fmt/format.h>
#include <sys/mount.h>

#include <filesystem>

#include "lb/dataplane/cgroup.h"
#include "tests/e2e/tools.h"
#include "tests/support/cgroup.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

class DoctorCommand : public WeirTest {
  protected:
    void SetUp() override {
        WeirTest::SetUp();
        if (IsSkipped())
            return;
        // a veth whose ends the doctor both sees
        world().weir.command("ip link add d0 type veth peer name d1");
        world().weir.command("ip link set d0 up");
        world().weir.command("ip link set d1 up");
        world().weir.command("ethtool -K d1 tx off gro on");
        for (const auto *link : {"lb0", "lb1", "lb2", "d0"})
            world().weir.sysctl(fmt::format("net/ipv4/conf/{}/rp_filter", link), "0");
        world().weir.sysctl("net/ipv4/conf/all/rp_filter", "0");
        config_ = write_config(Settings{.interfaces = "lb0 lb1 lb2 d0", .more = kSnat}.text());
    }

    // The doctor's own words about one thing; null when it does not complain of it.
    Json complaint(const std::string &check, const std::string &subject) {
        const auto done = weir({"doctor", "--json", "-c", config_});
        const auto document = Json::parse(done.out, nullptr, false);
        EXPECT_FALSE(document.is_discarded()) << done.out << done.err;
        EXPECT_EQ(done.status, document["healthy"] == true ? 0 : 1);
        for (const auto &finding : document["findings"])
            if (finding["check"] == check && finding["subject"] == subject &&
                finding["severity"] != "ok" && finding["severity"] != "skip")
                return finding;
        return nullptr;
    }

    // Runs the remedy with a shell, as a person would.
    void mend(const Json &finding) {
        const auto done = run({"sh", "-c", finding["remedy"]}, {.netns = &world().weir});
        EXPECT_EQ(done.status, 0) << finding["remedy"] << ": " << done.err;
    }

    void expect_found_and_mended(const std::string &check, const std::string &subject) {
        const auto finding = complaint(check, subject);
        ASSERT_FALSE(finding.is_null()) << weir({"doctor", "-c", config_}).out;
        mend(finding);
        EXPECT_TRUE(complaint(check, subject).is_null()) << finding;
    }

    const std::string &config() const { return config_; }

  private:
    std::string config_;
};

TEST_F(DoctorCommand, AHealthyHostExitsWith0) {
    const auto done = weir({"doctor", "-c", config()});
    EXPECT_EQ(done.status, 0) << done.out << done.err;
    EXPECT_NE(done.out.find(" 0 failures\n"), std::string::npos) << done.out;
    expect_nothing_left();
}

TEST_F(DoctorCommand, ForwardingOff) {
    world().weir.sysctl("net/ipv4/ip_forward", "0");
    EXPECT_EQ(weir({"doctor", "-c", config()}).status, 1);
    expect_found_and_mended("forwarding", "IPv4");
}

TEST_F(DoctorCommand, ForwardingOffOnOneInterface) {
    world().weir.sysctl("net/ipv4/conf/lb1/forwarding", "0");
    expect_found_and_mended("forwarding", "lb1");
}

TEST_F(DoctorCommand, StrictReversePathOfOneInterface) {
    world().weir.sysctl("net/ipv4/conf/lb1/rp_filter", "1");
    expect_found_and_mended("rp_filter", "lb1");
}

TEST_F(DoctorCommand, StrictReversePathOfAll) {
    world().weir.sysctl("net/ipv4/conf/all/rp_filter", "1");
    expect_found_and_mended("rp_filter", "lb1");
    EXPECT_FALSE(complaint("rp_filter", "lb2").is_null()) << "each has its own remedy";
}

TEST_F(DoctorCommand, PeerThatLeavesChecksumsToTheNic) {
    world().weir.command("ethtool -K d1 tx on");
    expect_found_and_mended("veth_peer", "d0");
}

TEST_F(DoctorCommand, PeerThatDoesNotPoll) {
    world().weir.command("ethtool -K d1 gro off");
    expect_found_and_mended("veth_peer", "d0");
}

TEST_F(DoctorCommand, VlanTagsThatTheNicTakesOff) {
    world().weir.command("ethtool -K d0 rxvlan on");
    EXPECT_TRUE(complaint("rxvlan", "d0").is_null()) << "nobody has a VLAN there";
    const auto vlan =
        run({"ip", "link", "add", "link", "d0", "name", "d0.5", "type", "vlan", "id", "5"},
            {.netns = &world().weir});
    if (vlan.status != 0)
        GTEST_SKIP() << "this kernel has no VLAN interfaces: " << vlan.err;
    expect_found_and_mended("rxvlan", "d0");
}

TEST_F(DoctorCommand, MtuThatIsSmallerThanTheOthers) {
    world().weir.command("ip link set lb1 mtu 1400");
    expect_found_and_mended("mtu", "lb1");
}

TEST_F(DoctorCommand, InterfaceThatIsDown) {
    world().weir.command("ip link set d0 down");
    expect_found_and_mended("interface", "d0");
}

TEST_F(DoctorCommand, FewerQueuesThanCpus) {
    if (run({"nproc"}).out == "1\n")
        GTEST_SKIP() << "one CPU needs one queue";
    world().weir.command("ethtool -L d0 rx 1");
    expect_found_and_mended("queues", "d0");
}

TEST_F(DoctorCommand, InterfaceWithoutNativeXdp) {
    world().weir.command("ip link add br0 type bridge");
    world().weir.command("ip link set br0 up");
    write_config(Settings{.interfaces = "lb0 br0", .more = kSnat}.text());
    const auto finding = complaint("native_xdp", "br0");
    if (finding.is_null() &&
        weir({"doctor", "-c", config()}).out.find("skip  native_xdp") != std::string::npos)
        GTEST_SKIP() << "this kernel does not tell what drivers can";
    ASSERT_FALSE(finding.is_null());
    write_config(Settings{.interfaces = "lb0 br0:tc", .more = kSnat}.text());
    EXPECT_TRUE(complaint("native_xdp", "br0").is_null()) << "its remedy: " << finding["remedy"];
}

TEST_F(DoctorCommand, VipInTheNetworkOfAnInterfaceThatNobodyAnswersFor) {
    world().weir.command("ip addr add 203.0.113.1/24 dev d0");
    expect_found_and_mended("vip", "203.0.113.10");
}

TEST_F(DoctorCommand, ListenerBehindAVip) {
    world().weir.command("ip addr add 203.0.113.10/32 dev d0");
    {
        const EchoServer server(world().weir, Protocol::tcp, world().vip_tcp, "x");
        const auto finding = complaint("vip_listener", "web");
        ASSERT_FALSE(finding.is_null());
        mend(finding);  // shows who it is
    }
    EXPECT_TRUE(eventually([&] { return complaint("vip_listener", "web").is_null(); }));
}

TEST_F(DoctorCommand, SnatPortThatAProgramHas) {
    {
        const EchoServer server(world().weir, Protocol::udp, *Endpoint::parse("192.0.2.1:20007"),
                                "x");
        const auto finding = complaint("snat_ports", "20000-29999");
        ASSERT_FALSE(finding.is_null());
        EXPECT_EQ(finding["remedy"], "ss -lnpu sport = :20007");
        mend(finding);
    }
    EXPECT_TRUE(complaint("snat_ports", "20000-29999").is_null());
}

TEST_F(DoctorCommand, SnatRangeThatLeavesNoPortsForPrograms) {
    world().weir.sysctl("net/ipv4/ip_local_port_range", "20000 30000");
    expect_found_and_mended("local_ports", "20000-29999");
}

TEST_F(DoctorCommand, BackendThatDoesNotAnswer) {
    world().weir.command("ip neigh replace 192.0.2.11 dev lb1 nud failed");
    expect_found_and_mended("backend", "192.0.2.11");
}

TEST_F(DoctorCommand, BackendWithoutARoute) {
    world().weir.command("ip route del 192.0.2.0/25 dev lb1");
    const auto finding = complaint("backend", "192.0.2.11");
    ASSERT_FALSE(finding.is_null());
    EXPECT_EQ(finding["remedy"], "ip route add 192.0.2.11 via GATEWAY");
}

TEST_F(DoctorCommand, NoBpffs) {
    // what is below in this test's own mounts may be one, and may be none
    ASSERT_EQ(::mount("tmpfs", "/sys/fs/bpf", "tmpfs", 0, nullptr), 0);
    const auto finding = complaint("bpffs", "");
    EXPECT_FALSE(finding.is_null());
    if (!finding.is_null())
        mend(finding);
    EXPECT_TRUE(complaint("bpffs", "").is_null());
    ::umount("/sys/fs/bpf");
    ::umount("/sys/fs/bpf");
    ASSERT_EQ(::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr), 0);
}

TEST_F(DoctorCommand, CgroupOfSocketsThatDoesNotExist) {
    if (const auto why = why_no_cgroups(); !why.empty())
        GTEST_SKIP() << why;
    TestCgroup cgroup;
    write_config(Settings{.interfaces = "lb0 lb1 lb2 d0",
                          .more = "sockets: {cgroup: " + cgroup.name() + "}\n"}
                     .text());
    EXPECT_TRUE(complaint("missing_cgroup", cgroup.path()).is_null());
    EXPECT_TRUE(complaint("end_sockets", "").is_null()) << "this kernel ends sockets";
    cgroup.remove();
    expect_found_and_mended("missing_cgroup", cgroup.path());
}

TEST_F(DoctorCommand, NoCgroup2ForSockets) {
    if (const auto why = why_no_cgroups(); !why.empty())
        GTEST_SKIP() << why;
    const auto mount = cgroup_mount();
    write_config(
        Settings{.interfaces = "lb0 lb1 lb2 d0", .more = std::string("sockets: {}\n")}.text());
    EXPECT_TRUE(complaint("cgroup", "").is_null());
    // of this test's own mounts
    ASSERT_EQ(::umount2(mount.c_str(), MNT_DETACH), 0);
    const auto finding = complaint("cgroup", "");
    EXPECT_FALSE(finding.is_null());
    if (!finding.is_null())
        mend(finding);
    EXPECT_TRUE(complaint("cgroup", "").is_null());
    if (cgroup_mount() != mount) {
        ::umount2(cgroup_mount().c_str(), MNT_DETACH);
        ASSERT_EQ(::mount("cgroup2", mount.c_str(), "cgroup2", 0, nullptr), 0);
    }
}

TEST_F(DoctorCommand, PinsWithoutADaemon) {
    const auto file = write_config(Settings{.interfaces = "lb0 lb1 lb2 d0"}.text());
    {
        const auto daemon = start(file);
        EXPECT_TRUE(complaint("pins", "default").is_null()) << "its daemon runs";
        EXPECT_TRUE(complaint("api_socket", "/run/weir/weir.sock").is_null());
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0);
    }
    const auto finding = complaint("pins", "default");
    ASSERT_FALSE(finding.is_null());
    EXPECT_EQ(finding["remedy"], "weir detach --instance default");
    EXPECT_EQ(weir({"detach", "--instance", "default"}).status, 0);
    EXPECT_TRUE(complaint("pins", "default").is_null());
}

TEST_F(DoctorCommand, FileInTheWayOfTheSocket) {
    const auto path = folder().write("precious", "text");
    write_config(Settings{.interfaces = "lb0 lb1", .socket = path}.text());
    expect_found_and_mended("api_socket", path);
}

TEST_F(DoctorCommand, AConfigurationThatIsWrongIsStatus2) {
    write_config("nonsense: 1\n");
    const auto done = weir({"doctor", "-c", config()});
    EXPECT_EQ(done.status, 2);
    EXPECT_NE(done.err.find(config() + ":1:1: unknown key 'nonsense'"), std::string::npos);
}

TEST_F(DoctorCommand, AStartWarnsOfTheSameWithTheCommand) {
    world().weir.sysctl("net/ipv4/conf/lb1/rp_filter", "1");
    world().weir.sysctl("net/ipv4/ip_forward", "0");
    const auto daemon = start(config());
    EXPECT_NE(daemon->err().find("(sysctl -w net.ipv4.conf.lb1.rp_filter=2)\n"), std::string::npos)
        << daemon->err();
    EXPECT_NE(daemon->err().find("(sysctl -w net.ipv4.ip_forward=1)\n"), std::string::npos);
    EXPECT_EQ(daemon->err().find("pins"), std::string::npos) << "its own are no finding";
    daemon->kill(SIGTERM);
    EXPECT_EQ(daemon->wait().status, 0);
}

}  // namespace
}  // namespace weir::test
