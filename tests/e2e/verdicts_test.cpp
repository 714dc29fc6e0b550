// weir capture --verdicts: what the data path of a running Weir answers to each frame, read as
// Wireshark reads it.
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <sstream>

#include "bpf/abi.h"
#include "tests/e2e/world.h"
#include "tests/support/captures.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

// A frame as tshark shows it.
struct Shown {
    std::string interface, packet, verdict, comment, source, destination;
};

class Verdicts : public HookTest {
  protected:
    void SetUp() override {
        HookTest::SetUp();
        if (IsSkipped())
            return;
        for (const auto protocol : {Protocol::tcp, Protocol::udp})
            servers_.push_back(
                std::make_unique<EchoServer>(world().one, protocol, world().at_one, "one"));
        daemon_ = start_with(
            {.backends_of_web = world().at_one.address.to_string(), .services = denied_service()});
    }
    std::string file(const std::string &name) const { return (folder().path() / name).string(); }
    std::unique_ptr<Process> capture(const std::string &out, std::vector<std::string> more = {}) {
        std::vector<std::string> all{WEIR_BINARY, "capture", "--verdicts", "--immediate",
                                     "-i",        "any",     "-w",         file(out)};
        if (std::find(more.begin(), more.end(), "-i") != more.end())
            all.erase(all.begin() + 4, all.begin() + 6);
        all.insert(all.end(), more.begin(), more.end());
        auto process = std::make_unique<Process>(all, ProcessOptions{.netns = &world().weir});
        EXPECT_TRUE(process->wait_for_err("capturing in the data path")) << process->err();
        return process;
    }
    // Ends it and reads what it has written.
    std::vector<Shown> end(Process &process, const std::string &out) {
        process.kill(SIGINT);
        const auto done = process.wait();
        EXPECT_EQ(done.status, 0) << done.err;
        EXPECT_THAT(done.err, HasSubstr(", 0 events (two of each frame) lost for want of buffer"));
        return read_all(out);
    }
    std::vector<Shown> read_all(const std::string &out) {
        const std::string ip = v4() ? "ip" : "ipv6";
        const auto done =
            run({"tshark", "-n",
                 "-r",     file(out),
                 "-T",     "fields",
                 "-E",     "separator=|",
                 "-e",     "frame.interface_name",
                 "-e",     "frame.packet_id",
                 "-e",     hook() == "xdp" ? "frame.verdict.ebpf_xdp" : "frame.verdict.ebpf_tc",
                 "-e",     "frame.comment",
                 "-e",     ip + ".src",
                 "-e",     ip + ".dst"});
        EXPECT_EQ(done.status, 0) << done.err;
        std::vector<Shown> all;
        std::istringstream stream(done.out);
        for (std::string line; std::getline(stream, line);) {
            std::array<std::string, 6> words;
            std::istringstream fields(line);
            for (auto &word : words)
                std::getline(fields, word, '|');
            all.push_back({words[0], words[1], words[2], words[3], words[4], words[5]});
        }
        return all;
    }
    // Without what leaves by TC egress, where TC's redirects come by and XDP's do not.
    static std::vector<Shown> at_ingress(std::vector<Shown> all) {
        std::erase_if(
            all, [](const Shown &one) { return one.comment == "hook=tc_egress verdict=pass"; });
        return all;
    }
    std::string ingress() const { return "hook=" + hook() + "_ingress"; }
    // Until when a listener wants frames, CLOCK_MONOTONIC, ns.
    static std::uint64_t wanted_until() {
        const Fd map(bpf_obj_get("/sys/fs/bpf/weir/default/1/capture"));
        const std::uint32_t only = 0;
        weir_capture found{};
        EXPECT_EQ(bpf_map_lookup_elem(map.get(), &only, &found), 0);
        return found.until;
    }
    static std::uint64_t now_ns() {
        return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                          std::chrono::nanoseconds(1));
    }
    void restart_with_other_limits() {
        daemon_->kill(SIGTERM);
        EXPECT_EQ(daemon_->wait().status, 0);
        daemon_ = start_with({.backends_of_web = world().at_one.address.to_string(),
                              .limits = "{flows: 8192, new_flows: 1024}"});
    }
    // Where the denied service is.
    Endpoint denied() { return {world().vip_tcp.address, 9999}; }
    void ask_once() {
        const Client client(world().client_host, Protocol::udp, world().vip_udp);
        EXPECT_EQ(parse(client.ask("hello")).text, "hello");
    }

  private:
    static std::string denied_service() {
        const Places places(family());
        return fmt::format(
            "  - {{name: denied, vip: \"{}\", port: 9999, protocol: udp, source_ranges: [\"{}\"], "
            "backends: [{{address: \"{}\", port: 9999}}]}}\n",
            places.vip_tcp.address.to_string(),
            family() == Family::v4 ? "192.0.2.0/24" : "2001:db8:2::/64",
            places.at_one.address.to_string());
    }

    std::vector<std::unique_ptr<EchoServer>> servers_;
    std::unique_ptr<Process> daemon_;
};

// Frames to and from the denied port, and those of the query.
TEST_P(Verdicts, AFrameThatIsTranslatedIsThereBeforeAndAfter) {
    ask_once();  // neighbours become known, which XDP needs
    const auto process = capture("out.pcapng", {"udp"});
    ask_once();
    const auto shown = at_ingress(end(*process, "out.pcapng"));
    ASSERT_THAT(shown, SizeIs(4));
    const auto client = world().client.to_string();
    const auto vip = world().vip_udp.address.to_string();
    const auto backend = world().at_one.address.to_string();
    const auto expect = [&](const Shown &frame, const std::string &interface,
                            const std::string &side, const std::string &source,
                            const std::string &destination) {
        EXPECT_EQ(frame.interface, interface);
        EXPECT_THAT(frame.comment, MatchesRegex(ingress() + " verdict=redirect frame=" + side));
        EXPECT_EQ(frame.source, source);
        EXPECT_EQ(frame.destination, destination);
    };
    expect(shown[0], "lb0", "before", client, vip);
    expect(shown[1], "lb0", "after", client, backend);
    expect(shown[2], "lb1", "before", backend, client);
    expect(shown[3], "lb1", "after", vip, client);
    EXPECT_EQ(shown[0].packet, shown[1].packet);
    EXPECT_EQ(shown[2].packet, shown[3].packet);
    EXPECT_NE(shown[0].packet, shown[2].packet);
}

TEST_P(Verdicts, AFrameThatIsDroppedSaysWhy) {
    const auto process = capture("out.pcapng", {"udp", "--side", "before"});
    const Client refused(world().client_host, Protocol::udp, denied());
    ASSERT_TRUE(refused.send("hello"));
    EXPECT_TRUE(eventually([&] { return drops()["source_denied"] == 1; }));
    const auto shown = end(*process, "out.pcapng");
    ASSERT_THAT(shown, SizeIs(1));
    EXPECT_EQ(shown[0].comment, ingress() + " verdict=drop reason=source_denied");
}

TEST_P(Verdicts, AFrameThatIsNobodysIsThereOnce) {
    const auto process =
        capture("out.pcapng", {"-i", "lb0", "icmp or icmp6[0] == 128 or icmp6[0] == 129"});
    world().client_host.command("ping -q -c 3 -i 0.05 -W 1 " + world().at_weir.address.to_string());
    world().one.command("ping -q -c 1 -W 1 " + world().one_side.to_string());
    const auto shown = end(*process, "out.pcapng");
    ASSERT_THAT(shown, SizeIs(6));
    for (const Shown &frame : shown) {
        const bool request = frame.source == world().client.to_string();
        EXPECT_EQ(frame.comment,
                  fmt::format("hook={} verdict=pass", request ? "tc_ingress" : "tc_egress"));
        EXPECT_EQ(frame.interface, "lb0");
    }
}

// What was captured in the data path is what a replay makes of it: all but the next hop.
TEST_P(Verdicts, AReplayOfWhatCameIsWhatWent) {
    const auto process =
        capture("out.pcapng", {fmt::format("host {}", world().client.to_string())});
    ask_once();
    for (int i = 0; i < 5; i++) {
        const Client client(world().client_host, Protocol::tcp, world().vip_tcp);
        EXPECT_EQ(parse(client.ask("hello")).text, "hello");
    }
    EXPECT_GT(end(*process, "out.pcapng").size(), 60U);
    const auto split = [&](const char *side, const std::string &other) {
        const auto done = run({"tshark", "-r", file("out.pcapng"), "-w", file(side), "-Y",
                               "not frame.comment contains \"frame=" + other +
                                   "\" and not frame.comment contains \"hook=tc_egress\""});
        EXPECT_EQ(done.status, 0) << done.err;
    };
    split("came.pcapng", "after");
    split("went.pcapng", "before");
    const auto done = weir({"replay", "-c", file("weir.yaml"), "-r", file("came.pcapng"),
                            "--expect", file("went.pcapng"), "--ignore", "eth"});
    EXPECT_EQ(done.status, 0) << done.err;
}

TEST_P(Verdicts, OneListensAtATimeAndWhoIsKilledLeavesNothingBehind) {
    const auto first = capture("first.pcapng");
    const auto second = weir({"capture", "--verdicts", "-i", "any", "-w", file("second.pcapng")});
    EXPECT_EQ(second.status, 3);
    EXPECT_EQ(second.err, "another weir capture --verdicts listens to the instance 'default'\n");
    first->kill(SIGKILL);
    first->wait();
    // nothing is told to it for longer than five seconds
    const auto until = wanted_until();
    EXPECT_LE(until, now_ns() + 5000000000);
    EXPECT_GT(until, 0U);
    ask_once();
    const auto third = capture("third.pcapng", {"udp"});
    ask_once();
    EXPECT_THAT(at_ingress(end(*third, "third.pcapng")), SizeIs(4));
}

TEST_P(Verdicts, EndsWithOneLineWhenTheTablesAreReplaced) {
    const auto process = capture("out.pcapng", {"udp"});
    ask_once();
    restart_with_other_limits();
    const auto done = process->wait();
    EXPECT_EQ(done.status, 3);
    EXPECT_THAT(done.err,
                HasSubstr("the instance's tables were replaced or taken away: begin anew\n"));
    EXPECT_THAT(at_ingress(read_all("out.pcapng")), SizeIs(4)) << "what there was";
}

TEST_P(Verdicts, ManyFramesFillARingOfFiles) {
    const auto process = capture("out.pcapng", {"--files", "2", "--file-size", "2K", "--count",
                                                "200", "--snaplen", "60", "udp"});
    for (int i = 0; i < 100; i++)
        ask_once();
    ASSERT_EQ(process->wait().status, 0);
    std::size_t frames = 0;
    for (const char *name : {"out.pcapng.0", "out.pcapng.1"}) {
        const auto some = read_all(name);
        frames += some.size();
        for (const Shown &frame : some)
            EXPECT_THAT(frame.interface, ::testing::AnyOf("lb0", "lb1")) << name;
        for (const Frame &frame : read_capture(file(name)))
            EXPECT_EQ(frame.bytes.size(), std::min(60U, frame.wire_length));
        EXPECT_LE(std::filesystem::file_size(file(name)), 2048U + 400) << name;
    }
    EXPECT_GT(frames, 5U);
    EXPECT_FALSE(std::filesystem::exists(file("out.pcapng.2")));
}

TEST_P(Verdicts, WhatCannotBeIsOneLine) {
    const auto refused = [&](const std::vector<std::string> &arguments, int status,
                             const std::string &line) {
        std::vector<std::string> all{"capture", "--verdicts", "-w", file("out.pcapng")};
        all.insert(all.end(), arguments.begin(), arguments.end());
        const auto done = weir(all);
        EXPECT_EQ(done.status, status) << done.err;
        EXPECT_THAT(done.err, MatchesRegex(line + "\n"));
        EXPECT_FALSE(std::filesystem::exists(file("out.pcapng")));
    };
    refused({"-i", "lo"}, 3, "lo: instance default has no programs there[^\n]*");
    refused({"-i", "nosuch0"}, 3, "nosuch0: No such device");
    refused({"-i", "any", "--instance", "other"}, 3,
            "any: instance other has no programs there[^\n]*");
    refused({"-i", "any", "tcp prot 80"}, 2, "filter 'tcp prot 80': [^\n]*syntax error[^\n]*");
    refused({"-i", "any", "--promiscuous"}, 2, "[^\n]*excludes[^\n]*");
    refused({"-i", "any", "--side", "left"}, 2, "[^\n]*--side[^\n]*");
}

INSTANTIATE_TEST_SUITE_P(Hook, Verdicts, every_hook_and_family(), name_of);

class VerdictsOfAnother : public WeirTest {};

TEST_F(VerdictsOfAnother, VersionOfWeirAreRefused) {
    const auto daemon = start(write_config(Settings{}.text()), WEIR_NEXT_BINARY);
    const auto done = weir({"capture", "--verdicts", "-i", "lb0", "-w", "-"});
    EXPECT_EQ(done.status, 3);
    EXPECT_THAT(done.err, MatchesRegex("instance default is of another version of Weir: [^\n]*\n"));
    EXPECT_EQ(done.out, "");
}

}  // namespace
}  // namespace weir::test
