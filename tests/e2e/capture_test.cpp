// weir capture: live traffic into files, and from there through weir replay.
#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "tests/support/captures.h"
#include "tests/support/netns.h"
#include "tests/support/process.h"
#include "tests/support/temp.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// A namespace with nothing but lo; pings to itself are the traffic, two frames each.
class Live : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto why = why_no_namespaces(); !why.empty())
            GTEST_SKIP() << why;
        netns_ = std::make_unique<Netns>();
    }
    std::string file(const std::string &name) const { return (folder_.path() / name).string(); }
    std::unique_ptr<Process> start(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {WEIR_BINARY, "capture"});
        auto process = std::make_unique<Process>(arguments, ProcessOptions{.netns = netns_.get()});
        EXPECT_TRUE(process->wait_for_err("capturing on ")) << process->err();
        return process;
    }
    ProcessResult capture(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {WEIR_BINARY, "capture"});
        return run(arguments, {.netns = netns_.get()});
    }
    void ping(int times, const std::string &more = "") const {
        netns_->command("ping -q -i 0.01 -c " + std::to_string(times) + more + " 127.0.0.1");
    }
    void expect_refused(const std::vector<std::string> &arguments, int status,
                        const std::string &line) const {
        const auto done = capture(arguments);
        EXPECT_EQ(done.status, status) << done.err;
        EXPECT_THAT(done.err, MatchesRegex(line + "\n"));
        EXPECT_FALSE(std::filesystem::exists(file("out.pcap")));
    }

    TempDir folder_;
    std::unique_ptr<Netns> netns_;
};

TEST_F(Live, TakesWhatTheFilterSaysUntilItIsEnded) {
    const auto process = start({"-i", "lo", "-w", file("out.pcap"), "icmp[0] == 8"});
    ping(3);
    // what came is in the file a second later, whole
    EXPECT_TRUE(eventually([&] { return std::filesystem::file_size(file("out.pcap")) > 300; }));
    process->kill(SIGTERM);
    const auto done = process->wait();
    EXPECT_EQ(done.status, 0);
    EXPECT_THAT(done.err, HasSubstr("3 frames captured, 0 lost for want of buffer\n"));
    EXPECT_EQ(read_capture(file("out.pcap")).size(), 3U);
}

TEST_F(Live, EndsAfterSoManyFramesOrSoMuchTime) {
    auto process = start({"-i", "lo", "-w", file("out.pcap"), "--count", "4", "--immediate"});
    ping(4);
    EXPECT_EQ(process->wait().status, 0);
    EXPECT_EQ(read_capture(file("out.pcap")).size(), 4U);
    process = start({"-i", "lo", "-w", file("out.pcap"), "--time", "1s"});
    EXPECT_EQ(process->wait().status, 0);
    EXPECT_EQ(read_capture(file("out.pcap")).size(), 0U);
}

TEST_F(Live, EndsWhenSoMuchIsWritten) {
    auto process = start({"-i", "lo", "-w", file("out.pcap"), "--size", "1K", "--immediate"});
    ping(20);
    EXPECT_EQ(process->wait().status, 0);
    const auto size = std::filesystem::file_size(file("out.pcap"));
    EXPECT_GE(size, 1024U);
    EXPECT_LE(size, 1024U + 200);
    process = start({"-i", "lo", "-w", file("ring.pcap"), "--size", "2K", "--immediate", "--files",
                     "9", "--file-size", "600"});
    ping(30);
    EXPECT_EQ(process->wait().status, 0);
    EXPECT_TRUE(std::filesystem::exists(file("ring.pcap.2")));
    EXPECT_FALSE(std::filesystem::exists(file("ring.pcap.3")));
}

TEST_F(Live, KeepsAsMuchOfAFrameAsIsAskedFor) {
    const auto process =
        start({"-i", "lo", "-w", file("out.pcap"), "--snaplen", "60", "--count", "2"});
    ping(1, " -s 400");
    ASSERT_EQ(process->wait().status, 0);
    for (const Frame &frame : read_capture(file("out.pcap"))) {
        EXPECT_EQ(frame.bytes.size(), 60U);
        EXPECT_EQ(frame.wire_length, 442U);
    }
}

TEST_F(Live, ARingKeepsTheNewestFiles) {
    const auto process = start({"-i", "lo", "-w", file("out.pcap"), "--files", "3", "--file-size",
                                "1K", "--count", "100", "--immediate"});
    ping(50);
    ASSERT_EQ(process->wait().status, 0);
    std::vector<std::chrono::nanoseconds> last;
    std::size_t frames = 0;
    for (const char *name : {"out.pcap.0", "out.pcap.1", "out.pcap.2"}) {
        const auto some = read_capture(file(name));
        frames += some.size();
        if (!some.empty())
            last.push_back(some.back().time);
        EXPECT_LE(std::filesystem::file_size(file(name)), 1024U + 200) << name;
    }
    EXPECT_LT(frames, 40U);
    EXPECT_FALSE(std::filesystem::exists(file("out.pcap")));
    EXPECT_FALSE(std::filesystem::exists(file("out.pcap.3")));
}

TEST_F(Live, ToStandardOutputGoesIntoAReplay) {
    folder_.write("weir.yaml",
                  "services:\n  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp, "
                  "backends: [{address: 198.51.100.6, port: 80}]}\n");
    Process both({"sh", "-c",
                  std::string(WEIR_BINARY) + " capture -i any --count 4 -w - | " + WEIR_BINARY +
                      " replay -r - -c " + file("weir.yaml")},
                 {.netns = netns_.get()});
    ASSERT_TRUE(both.wait_for_err("capturing on any")) << both.err();
    ping(4);
    const auto done = both.wait();
    EXPECT_EQ(done.status, 0);
    EXPECT_THAT(done.err, HasSubstr("4 frames in, 4 out: 4 pass")) << "any is a cooked capture";
}

TEST_F(Live, WhatCannotBeIsOneLine) {
    const std::string out = file("out.pcap");
    expect_refused({"-i", "nosuch0", "-w", out}, 3, "nosuch0: .*No such device.*");
    expect_refused({"-i", "lo", "-w", out, "tcp", "prot", "80"}, 2,
                   "filter 'tcp prot 80': .*syntax error.*");
    expect_refused({"-i", "lo", "-w", file("no/such/folder")}, 2,
                   "cannot write: .*/no/such/folder: No such file or directory");
    expect_refused({"-i", "lo", "-w", out, "--time", "soon"}, 2, "--time must be .*, not 'soon'");
    expect_refused({"-i", "lo", "-w", out, "--file-time", "1h"}, 2,
                   "--file-size and --file-time need --files");
    expect_refused({"-i", "lo", "-w", out, "--files", "2"}, 2,
                   "--files needs --file-size or --file-time");
    expect_refused({"-i", "lo", "-w", "-", "--files", "2", "--file-time", "1h"}, 2,
                   "-w -: standard output is one file; --files makes several");
}

}  // namespace
}  // namespace weir::test
