// The command line of `weir replay`: files in, files out, exit status, one line per error.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/replay/command.h"
#include "tests/support/captures.h"

namespace weir::test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

// A SYN to the web service, its repetition, and a frame that is none of Weir's business.
std::vector<Frame> some_frames() {
    Segment syn;
    syn.source = *Endpoint::parse("203.0.113.2:40000");
    syn.destination = *Endpoint::parse("192.0.2.10:80");
    auto other = syn;
    other.destination.port = 81;
    return {frame_at({}, build(syn)), frame_at(milliseconds(1), build(syn)),
            frame_at(milliseconds(2), build(other))};
}

class ReplayCommand : public ReplayTest {
  protected:
    void SetUp() override {
        ReplayTest::SetUp();
        if (IsSkipped())
            return;
        config_ = folder_.write("weir.yaml", services_yaml());
        input_ = path("in.pcap");
        write_capture(input_, some_frames());
    }
    // The run fails with this status and one line, and leaves no file behind.
    void expect_refused(const ProcessResult &done, int status, const std::string &start) {
        EXPECT_EQ(done.status, status) << done.err;
        EXPECT_EQ(lines_in(done.err), 1U) << done.err;
        EXPECT_THAT(done.err, StartsWith(start));
        EXPECT_EQ(done.out, "");
    }
    void expect_bad_input(const std::string &file, const std::string &what) {
        const auto before = files();
        expect_refused(replay({"-c", config_, "-r", file, "-w", path("out.pcap"), "--json",
                               path("report.jsonl")}),
                       2, file + ": " + what);
        EXPECT_EQ(files(), before);
    }

    std::string config_;
    std::string input_;
};

TEST_F(ReplayCommand, WritesCaptureAndReportAndSumsUp) {
    const auto done = replay(
        {"-c", config_, "-r", input_, "-w", path("out.pcap"), "--json", path("report.jsonl")});
    EXPECT_EQ(done.status, 0);
    EXPECT_EQ(done.out, "");
    EXPECT_THAT(done.err, MatchesRegex("3 frames in, 3 out: 1 pass, 2 tx, 0 redirect, 0 drop; "
                                       "[0-9]+ frames/s\n"));
    EXPECT_THAT(files(), ElementsAre("in.pcap", "out.pcap", "report.jsonl", "weir.yaml"));
    EXPECT_EQ(read_capture(path("out.pcap")).size(), 3U);
    EXPECT_THAT(read_file(path("report.jsonl")),
                StartsWith(R"({"index": 1, "time": 1700000000.000000, "hook": "xdp_ingress", )"
                           R"("verdict": "tx", "reason": null, "service": "web", )"
                           R"("backend": "198.51.100.6:8080", "flow": "new", "in": 54, "out": 54})"
                           "\n"));
    EXPECT_EQ(read_report(path("report.jsonl")).at(1)["flow"], "established");
}

TEST_F(ReplayCommand, NanosecondsInAreNanosecondsOut) {
    auto frames = some_frames();
    frames[0].time += std::chrono::nanoseconds(7);
    write_capture(input_, frames, Resolution::nanoseconds);
    ASSERT_EQ(replay({"-c", config_, "-r", input_, "-w", path("out.pcap"), "--json",
                      path("report.jsonl")})
                  .status,
              0);
    EXPECT_EQ(read_capture(path("out.pcap")).at(0).time, frames[0].time);
    EXPECT_THAT(read_file(path("report.jsonl")), HasSubstr(R"("time": 1700000000.000000007,)"));
}

TEST_F(ReplayCommand, StandardInputAndOutputAreDashes) {
    const std::string command =
        std::string(WEIR_BINARY) + " replay -c " + config_ + " -r - -w - < " + input_;
    const auto piped = run({"sh", "-c", command + " | cat"});
    ASSERT_EQ(replay({"-c", config_, "-r", input_, "-w", path("out.pcap")}).status, 0);
    EXPECT_EQ(piped.out, read_file(path("out.pcap")));
    EXPECT_EQ(lines_in(piped.err), 1U) << piped.err;
}

TEST_F(ReplayCommand, EqualsWhatIsExpected) {
    ASSERT_EQ(replay({"-c", config_, "-r", input_, "-w", path("golden.pcap")}).status, 0);
    EXPECT_EQ(replay({"-c", config_, "-r", input_, "--expect", path("golden.pcap")}).status, 0);
}

TEST_F(ReplayCommand, SaysWhatDiffersAndStillWritesTheOutput) {
    ASSERT_EQ(replay({"-c", config_, "-r", input_, "-w", path("golden.pcap")}).status, 0);
    auto golden = read_capture(path("golden.pcap"));
    auto second = read(golden[1].bytes).value();
    second.ttl--;
    golden[1].bytes = build(second);
    golden.pop_back();
    write_capture(path("golden.pcap"), golden);
    const auto done = replay(
        {"-c", config_, "-r", input_, "-w", path("out.pcap"), "--expect", path("golden.pcap")});
    EXPECT_EQ(done.status, 1);
    EXPECT_THAT(done.err,
                HasSubstr("frame 2 at 1700000000.001000 differs from " + path("golden.pcap") +
                          " frame 2:\n  ip.ttl: 63, expected 62\n"
                          "  ip.checksum: 0x"));
    EXPECT_THAT(done.err, HasSubstr("frame 3 at 1700000000.002000, 54 bytes, is not in "));
    EXPECT_THAT(done.err, HasSubstr(path("golden.pcap") + ": 2 frames differ\n"));
    EXPECT_EQ(read_capture(path("out.pcap")).size(), 3U);
}

TEST_F(ReplayCommand, AGoldenOfAnotherLengthDiffersInOneLine) {
    ASSERT_EQ(replay({"-c", config_, "-r", input_, "-w", path("golden.pcap")}).status, 0);
    auto golden = read_capture(path("golden.pcap"));
    golden.push_back(golden.back());
    golden.back().time += milliseconds(1);
    write_capture(path("golden.pcap"), golden);
    auto done = replay({"-c", config_, "-r", input_, "--expect", path("golden.pcap")});
    EXPECT_EQ(done.status, 1);
    EXPECT_THAT(done.err, HasSubstr(path("golden.pcap") +
                                    " frame 4 at 1700000000.003000, 54 bytes, did not come out\n"));
    EXPECT_THAT(done.err, HasSubstr(path("golden.pcap") + ": 1 frame differs\n"));
}

TEST_F(ReplayCommand, BadInputIsOneLineAndLeavesNothing) {
    const std::string whole = read_file(input_);
    expect_bad_input(path("none"), "cannot read: No such file or directory");
    expect_bad_input(folder_.path().string(), "is a directory");
    expect_bad_input(folder_.write("empty", ""), "is empty");
    expect_bad_input(folder_.write("text", "This is no capture, whatever its name may say."),
                     "is no pcap or pcapng file: ");
    expect_bad_input(folder_.write("cut.pcap", whole.substr(0, whole.size() - 9)),
                     "breaks off at frame 3: ");
    auto long_frame = whole;
    long_frame.replace(24 + 8, 4, "\xff\xff\xff\xff");  // bytes that were kept of the first one
    expect_bad_input(folder_.write("corrupt.pcap", long_frame), "breaks off at frame 1: invalid");
    auto raw_ip = whole;
    raw_ip[20] = 101;
    expect_bad_input(folder_.write("raw.pcap", raw_ip),
                     "has link type RAW; Ethernet (EN10MB) and Linux cooked");
    expect_bad_input(folder_.write("corrupt.pcapng", "\x0a\x0d\x0d\x0a" + whole),
                     "is no pcap or pcapng file: ");
}

TEST_F(ReplayCommand, BadInputLeavesAnOldOutputAsItWas) {
    folder_.write("out.pcap", "old");
    const std::string whole = read_file(input_);
    expect_bad_input(folder_.write("cut.pcap", whole.substr(0, whole.size() - 9)), "breaks off");
    EXPECT_EQ(read_file(path("out.pcap")), "old");
}

TEST_F(ReplayCommand, ABadGoldenFileIsBadInput) {
    expect_refused(replay({"-c", config_, "-r", input_, "--expect", path("none")}), 2,
                   path("none") + ": cannot read");
}

TEST_F(ReplayCommand, ABadConfigurationNamesItsPlace) {
    const auto file = folder_.write("bad.yaml", "servces: []\n");
    expect_refused(replay({"-c", file, "-r", input_}), 2, file + ":1:1: ");
}

TEST_F(ReplayCommand, UsageErrorsAreStatusTwo) {
    for (const auto &arguments : std::vector<std::vector<std::string>>{
             {}, {"-c", config_}, {"-r", input_}, {"-c", config_, "-r", input_, "--nonsense"}}) {
        const auto done = replay(arguments);
        EXPECT_EQ(done.status, 2) << done.err;
        EXPECT_EQ(lines_in(done.err), 1U) << done.err;
    }
}

TEST_F(ReplayCommand, DoesNotWriteOntoWhatItReads) {
    const auto before = read_file(input_);
    std::filesystem::create_symlink(input_, path("link.pcap"));
    expect_refused(replay({"-c", config_, "-r", input_, "-w", input_}), 2, input_ + ": -r and -w");
    expect_refused(replay({"-c", config_, "-r", input_, "-w", path("link.pcap")}), 2,
                   path("link.pcap") + ": -r and -w");
    expect_refused(replay({"-c", config_, "-r", input_, "--json", config_}), 2,
                   config_ + ": -c and --json");
    expect_refused(replay({"-c", config_, "-r", input_, "-w", path("x"), "--json", path("x")}), 2,
                   path("x") + ": -w and --json");
    EXPECT_EQ(read_file(input_), before);
}

TEST_F(ReplayCommand, OutputThatCannotBeWrittenIsNamed) {
    expect_refused(replay({"-c", config_, "-r", input_, "-w", path("no/out.pcap")}), 2,
                   path("no/out.pcap") + ": cannot write: No such file");
    for (const char *flag : {"-w", "--json"})
        expect_refused(replay({"-c", config_, "-r", input_, flag, "/dev/full"}), 3,
                       "/dev/full: cannot write: No space left on device");
}

// More than a buffer holds, or less.
TEST_F(ReplayCommand, StandardOutputThatCannotBeWrittenIsAnErrorOfEveryCommand) {
    std::string many = "services:\n";
    for (int port = 1; port <= 300; port++)
        many += "  - {name: s" + std::to_string(port) +
                ", vip: 192.0.2.1, protocol: tcp, port: " + std::to_string(port) +
                ", backends: [{address: 198.51.100.1, port: 1}]}\n";
    const auto full = [&](const std::string &arguments) {
        return run({"sh", "-c", std::string(WEIR_BINARY) + " " + arguments + " >/dev/full"});
    };
    for (const auto &file : {config_, folder_.write("many.yaml", many)})
        expect_refused(full("check -c " + file), 1, "standard output: cannot write");
    expect_refused(full("--help"), 1, "standard output: cannot write: No space left on device\n");
    expect_refused(full("replay -c " + config_ + " -r " + input_ + " -w -"), 3,
                   "standard output: cannot write: No space left on device");
    const auto refused = full("check -c " + path("none.yaml"));
    expect_refused(refused, 2, path("none.yaml") + ": cannot read");
}

TEST_F(ReplayCommand, WithoutPrivilegeSaysWhichAndLeavesNothing) {
    const auto before = files();
    expect_refused(run({"setpriv", "--bounding-set=-all", "--inh-caps=-all", WEIR_BINARY, "replay",
                        "-c", config_, "-r", input_, "-w", path("out.pcap")}),
                   3, "the kernel refuses to load the data path: it needs CAP_BPF");
    EXPECT_EQ(files(), before);
}

TEST_F(ReplayCommand, TouchesNoInterface) {
    const std::string look = "ip -details link show; ";
    const auto done = run(
        {"unshare", "--net", "sh", "-c",
         look + WEIR_BINARY + " replay -c " + config_ + " -r " + input_ + " && echo ---; " + look});
    const auto middle = done.out.find("---\n");
    ASSERT_NE(middle, std::string::npos) << done.err;
    EXPECT_THAT(done.out, HasSubstr("loopback"));
    EXPECT_EQ(done.out.substr(0, middle), done.out.substr(middle + 4));
}

}  // namespace
}  // namespace weir::test
