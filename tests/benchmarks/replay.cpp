// How fast `weir replay` is, beside reading the same file and beside bare BPF_PROG_TEST_RUN calls
// of the same program on its frames; and whether its memory grows with the capture.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "lb/dataplane/objects.h"
#include "lb/replay/engine.h"
#include "tests/benchmarks/report.h"
#include "tests/support/captures.h"
#include "tests/support/frame.h"
#include "tests/support/temp.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFlows = 1000;
constexpr int kPayload = 100;  // bytes
constexpr std::array<int, 2> kFrames{10000, 1000000};
constexpr int kRounds = 3;

const char *const kConfig =
    "interfaces: [{name: eth0, hook: xdp}]\n"
    "services:\n"
    "  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp, "
    "backends: [{address: 198.51.100.6, port: 8080}]}\n"
    "limits: {flows: 65536, new_flows: 65536}\n";

// SYNs of all flows, then data of them in turn. XDP forwards each.
void write_traffic(const std::string &file, int frames) {
    auto writer = value_of(CaptureWriter::create(file, Resolution::microseconds));
    for (int i = 0; i < frames; i++) {
        Segment segment;
        segment.source = *Endpoint::parse(fmt::format("203.0.113.2:{}", 20000 + i % kFlows));
        segment.destination = *Endpoint::parse("192.0.2.10:80");
        if (i >= kFlows) {
            segment.tcp_flags = kAck;
            segment.payload.assign(kPayload, 'x');
        }
        value_of(writer.write(frame_at(std::chrono::microseconds(10 * i), build(segment))));
    }
    value_of(writer.finish());
}

double seconds_of(const std::function<void()> &work) {
    const auto begin = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

void read_all(const std::string &file, const std::function<void(const Frame &)> &visit) {
    auto reader = value_of(CaptureReader::open(file));
    Frame frame;
    while (value_of(reader.next(frame)))
        visit(frame);
}

// The program with empty tables, which passes everything: the least that a call costs.
void call_bare(int program, const std::string &file) {
    std::array<std::uint8_t, 2048> out{};
    read_all(file, [&](const Frame &frame) {
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes.data(),
                    .data_out = out.data(), .data_size_in = static_cast<__u32>(frame.bytes.size()),
                    .data_size_out = static_cast<__u32>(out.size()), .repeat = 1);
        if (bpf_prog_test_run_opts(program, &options) != 0)
            throw std::runtime_error(fmt::format("BPF_PROG_TEST_RUN: {}", errno));
    });
}

// Returns the most memory that it had, bytes.
double run_replay(const std::vector<std::string> &arguments) {
    std::vector<std::string> all{WEIR_BINARY, "replay"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char *> argv;
    argv.reserve(all.size() + 1);
    for (std::string &one : all)
        argv.push_back(one.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid = -1;
    const int error = posix_spawn(&pid, WEIR_BINARY, &quiet, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&quiet);
    int status = 0;
    rusage used{};
    if (error != 0 || wait4(pid, &status, 0, &used) != pid || status != 0)
        throw std::runtime_error("weir replay has failed");
    return static_cast<double>(used.ru_maxrss) * 1024;
}

// A way to go through a capture, in turns with the others.
struct Way {
    std::string name;
    std::function<void()> go;
    std::vector<double> rates{};  // frames per second
};

void measure_size(int frames, Report &report) {
    const TempDir folder;
    const auto file = (folder.path() / "in.pcap").string();
    const auto config = folder.write("weir.yaml", kConfig);
    write_traffic(file, frames);
    auto objects = value_of(Objects::load({Limits{}, std::nullopt, MacAddress{}}));
    const int program = value_of(objects.xdp_ingress());
    double memory = 0;
    const auto replay = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"-c", config, "-r", file});
        return [&memory, arguments] { memory = std::max(memory, run_replay(arguments)); };
    };
    std::vector<Way> ways{{"read", [&] { read_all(file, [](const Frame &) {}); }},
                          {"bare-call", [&] { call_bare(program, file); }},
                          {"replay", replay({})},
                          {"replay-w", replay({"-w", "/dev/null"})},
                          {"replay-json", replay({"--json", "/dev/null"})}};
    for (int round = 0; round < kRounds; round++)
        for (Way &way : ways)
            way.rates.push_back(frames / seconds_of(way.go));
    const auto &reading = ways[0].rates;
    const auto &bare = ways[1].rates;
    const auto name = [&](const Way &way) { return fmt::format("{}/{}", way.name, frames); };
    report.add(compare(name(ways[0]), "frames/s", "itself", reading, reading));
    report.add(compare(name(ways[1]), "frames/s", "reading", reading, bare));
    for (auto way = ways.begin() + 2; way != ways.end(); ++way) {
        report.add(compare(name(*way), "frames/s", "bare calls", bare, way->rates));
        report.add(compare(name(*way) + "/to-reading", "frames/s", "reading", reading, way->rates));
    }
    report.add(compare(fmt::format("replay-memory/{}", frames), "MiB", "16 MiB", {16},
                       {memory / 1048576}));
}

void measure(Report &report) {
    const CpuPin pin;
    report.begin(
        "weir replay, beside reading the file and a bare BPF_PROG_TEST_RUN for each frame");
    for (const int frames : kFrames)
        measure_size(frames, report);
}

}  // namespace
}  // namespace weir::test

int main(int argc, char **argv) {
    if (geteuid() != 0) {
        fmt::print(stderr, "replay: must be root: it loads BPF programs\n");
        return 3;
    }
    return weir::test::run_benchmark(argc, argv, weir::test::measure);
}
