// What `weir trace sockets` costs the programs that it looks at, and all others: calls a second
// with the trace and without it, in turns of one run.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "lb/dataplane/fd.h"
#include "tests/benchmarks/report.h"
#include "tests/support/process.h"

namespace weir::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 7;
constexpr auto kRound = std::chrono::milliseconds(500);
constexpr int kBetweenLooks = 200;  // calls between two looks at the clock

// A UDP socket on the loopback interface that is connected to itself.
Fd socket_to_itself() {
    Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto *name = reinterpret_cast<sockaddr *>(&address);
    if (!fd || ::bind(fd.get(), name, size) != 0 || ::getsockname(fd.get(), name, &size) != 0 ||
        ::connect(fd.get(), name, size) != 0)
        throw std::runtime_error("cannot make a UDP socket");
    return fd;
}

// ns that one takes
double time_of(const std::function<void()> &one) {
    const auto begin = Clock::now();
    std::uint64_t done = 0;
    while (Clock::now() - begin < kRound)
        for (int i = 0; i < kBetweenLooks; i++, done++)
            one();
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() /
           static_cast<double>(done);
}

std::unique_ptr<Process> start_trace(const std::vector<std::string> &arguments) {
    std::vector<std::string> command{WEIR_BINARY, "trace", "sockets"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    auto trace = std::make_unique<Process>(command);
    if (!trace->wait_for_err("; Ctrl-C ends it"))
        throw std::runtime_error("weir trace sockets: " + trace->err());
    return trace;
}

void measure(Report &report) {
    const auto fd = socket_to_itself();
    const std::function<void()> exchange = [&] {
        char byte = 'x';
        if (::send(fd.get(), &byte, 1, 0) != 1 || ::recv(fd.get(), &byte, 1, 0) != 1)
            throw std::runtime_error("cannot send to itself");
    };
    const std::function<void()> other = [] { ::syscall(SYS_getppid); };
    struct Case {
        const char *name;
        std::function<std::unique_ptr<Process>()> begin;
        std::vector<double> exchange{}, other{};
    };
    std::vector<Case> cases{{"untraced", [] { return std::unique_ptr<Process>(); }},
                            {"all-processes", [] { return start_trace({}); }},
                            {"another-process",
                             [] {
                                 return start_trace({"--pid", "1"});
                             }},
                            {"another-call", [] {
                                 return start_trace({"--call", "connect"});
                             }}};
    for (int round = 0; round < kRounds; round++)
        for (Case &one : cases) {
            const auto trace = one.begin();
            one.exchange.push_back(time_of(exchange));
            one.other.push_back(time_of(other));
            if (trace) {
                trace->kill(SIGINT);
                trace->wait();
            }
        }
    report.begin("System calls while weir trace sockets looks at them, and at others");
    for (const Case &one : cases) {
        const std::string baseline = &one == cases.data() ? "itself" : "untraced";
        report.add(compare(fmt::format("trace/send-recv/{}", one.name), "ns", baseline,
                           cases[0].exchange, one.exchange));
        report.add(compare(fmt::format("trace/getppid/{}", one.name), "ns", baseline,
                           cases[0].other, one.other));
    }
}

}  // namespace
}  // namespace weir::test

int main(int argc, char **argv) {
    return weir::test::run_benchmark(argc, argv, weir::test::measure);
}
