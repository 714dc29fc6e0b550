// weir trace sockets where the system lacks something, and what it leaves behind: nothing.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <sstream>

#include "tests/e2e/traced.h"
#include "tests/e2e/traced_calls.h"
#include "tests/support/temp.h"

namespace weir::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Covers the places where tracefs may be mounted, in a mount namespace that ends with the command.
constexpr const char *kCover =
    "for place in /sys/kernel/tracing /sys/kernel/debug; do\n"
    "    [ ! -d $place ] || mount -t tmpfs none $place || exit 99\n"
    "done\n";
// After that: the files that are read of it, less a call.
constexpr const char *kImitate =
    "real=$(mktemp -d) && mount -t tracefs none $real || exit 99\n"
    "for call in socket bind connect sendto recvfrom; do\n"
    "    for side in enter exit; do\n"
    "        name=events/syscalls/sys_${side}_$call\n"
    "        mkdir -p /sys/kernel/tracing/$name && cat $real/$name/id "
    ">/sys/kernel/tracing/$name/id || exit 99\n"
    "    done\n"
    "done\n"
    "rmdir $real 2>/dev/null\n";
constexpr const char *kMount = "mount -t tracefs none /sys/kernel/tracing || exit 99\n";
constexpr const char *kFew = "setpriv --bounding-set=-all,+bpf,+perfmon ";

class TraceSystem : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto why = why_no_namespaces(); !why.empty())
            GTEST_SKIP() << why;
    }
    // `weir trace sockets ARGUMENTS` after the commands of a shell, beside calls of a process.
    static ProcessResult trace(const std::string &before, const std::string &with,
                               const std::string &arguments) {
        Caller caller("weir-system", [] { connect_and_accept(2); });
        Process trace({"unshare", "-m", "sh", "-c",
                       fmt::format("{}exec {} {} trace sockets --pid {} {}", before, with,
                                   WEIR_BINARY, caller.pid(), arguments)});
        if (trace.wait_for_err("; Ctrl-C ends it"))
            caller.begin();
        return trace.wait();
    }
    static std::string programs() {
        std::istringstream all(run({"bpftool", "prog", "list"}).out);
        std::string found;
        for (std::string line; std::getline(all, line);)
            if (line.find("weir_call_") != std::string::npos)
                found += line + "\n";
        return found;
    }
    static void expect_refusal(const ProcessResult &done, const std::string &text) {
        EXPECT_EQ(done.status, 3) << done.err;
        EXPECT_THAT(done.err, HasSubstr(text));
        EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
        EXPECT_EQ(done.out, "");
    }
};

TEST_F(TraceSystem, NeedsNoTracefsThatIsMountedAndMountsNone) {
    const auto before = read_file("/proc/self/mountinfo");
    const auto done = trace(kCover, "", "");
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.out, HasSubstr("connect"));
    EXPECT_EQ(read_file("/proc/self/mountinfo"), before);
}

TEST_F(TraceSystem, TakesTheOneThatIsMounted) {
    // without CAP_SYS_ADMIN, so it cannot mount one
    if (std::atoi(read_file("/proc/sys/kernel/perf_event_paranoid").c_str()) > 2)
        GTEST_SKIP() << "Debian's kernels want CAP_SYS_ADMIN: kernel.perf_event_paranoid";
    const auto done = trace(std::string(kCover) + kMount, kFew, "");
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.out, HasSubstr("connect"));
}

TEST_F(TraceSystem, SaysWhatToDoWhereNoneIsToBeHad) {
    expect_refusal(trace(kCover, kFew, ""), "mount -t tracefs tracefs /sys/kernel/tracing");
}

TEST_F(TraceSystem, NamesTheCallsThatTheKernelCannotTraceAndTracesTheOthers) {
    const auto done = trace(std::string(kCover) + kImitate, "", "");
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.err, HasSubstr("accept4() is not traced: this kernel has no tracepoints"));
    EXPECT_THAT(done.err, HasSubstr("listen() is not traced"));
    EXPECT_THAT(done.err, Not(HasSubstr("connect() is not traced")));
    EXPECT_THAT(done.out, HasSubstr("  connect  "));
    EXPECT_THAT(done.out, Not(HasSubstr("  accept  ")));
    expect_refusal(trace(std::string(kCover) + kImitate, "", "--call listen"),
                   "this kernel has no tracepoints for these calls");
}

TEST_F(TraceSystem, SaysWhatTheKernelLacks) {
    expect_refusal(trace(std::string(kCover) + "mkdir /sys/kernel/tracing/events\n", "", ""),
                   "CONFIG_FTRACE_SYSCALLS");
}

TEST_F(TraceSystem, SaysWhatPrivilegeIsMissing) {
    const std::string message = "weir trace sockets needs CAP_BPF and CAP_PERFMON: run it as root";
    expect_refusal(trace("", "setpriv --reuid=12345 --clear-groups ", ""), message);
    expect_refusal(trace("", "setpriv --bounding-set=-all,+bpf ", ""), message);
    // in a user namespace, root is not root
    expect_refusal(trace("", "unshare --user --map-root-user ", ""), "CAP_BPF");
}

TEST_F(TraceSystem, LeavesNothingHoweverItEnds) {
    const auto before = programs();
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGKILL}) {
        const auto trace = start_trace({"--comm", "weir-nobody"});
        EXPECT_TRUE(eventually([&] { return programs() != before; })) << "they have the names";
        trace->kill(signal);
        EXPECT_EQ(trace->wait().signal, signal == SIGKILL ? SIGKILL : 0);
        EXPECT_TRUE(eventually([&] { return programs() == before; })) << programs();
    }
}

TEST_F(TraceSystem, RefusesProcessesThatAreNone) {
    for (const std::string pid : {"4194304", "0", "-1", "x"}) {
        const auto done = run({WEIR_BINARY, "trace", "sockets", "--pid", pid});
        EXPECT_EQ(done.status, 2) << done.err;
        EXPECT_THAT(done.err, HasSubstr("--pid")) << pid;
    }
}

// Numbers of processes are the host's.
TEST_F(TraceSystem, ShowsProcessesOfContainersAsTheHostDoes) {
    // the number here of a process that is 1 to itself
    auto *shared = static_cast<pid_t *>(
        ::mmap(nullptr, sizeof(pid_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(shared, MAP_FAILED);
    Caller caller("weir-host", [&] {
        require(::unshare(CLONE_NEWPID) == 0, "unshare");
        const pid_t inside = ::fork();
        if (inside == 0) {
            connect_and_accept(1);
            ::_exit(::getpid() == 1 ? 0 : 1);
        }
        *shared = inside;
        int status = -1;
        require(::waitpid(inside, &status, 0) > 0 && status == 0, "a process 1");
    });
    const auto trace = start_trace({"--comm", "weir-host", "--json"});
    caller.begin();
    EXPECT_TRUE(caller.wait());
    trace->kill(SIGINT);
    auto told = documents_of(trace->wait().out).back();
    EXPECT_EQ(calls_of(told, *shared)["connect"], 1) << told;
    ::munmap(shared, sizeof(pid_t));
}

TEST_F(TraceSystem, InAContainerItSaysWhoseNumbersItShows) {
    const auto done = run({"unshare", "--pid", "--fork", WEIR_BINARY, "trace", "sockets", "--comm",
                           "weir-nobody", "--duration", "100ms"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.err, HasSubstr("numbers that they have on its host"));
}

#ifdef __x86_64__
TEST_F(TraceSystem, DoesNotSeeThe32BitCalls) {
    Caller caller("weir-32bit", [] {
        new_socket(AF_UNIX, SOCK_STREAM);
        // socket() as 32-bit programs call it
        long result = 359;
        asm volatile("int $0x80"
                     : "+a"(result)
                     : "b"(AF_UNIX), "c"(SOCK_STREAM), "d"(0)
                     : "memory", "r8", "r9", "r10", "r11");
        require(result >= 0, "int 0x80");
    });
    const auto trace = start_trace(caller, {"--json"});
    caller.begin();
    if (!caller.wait())
        GTEST_SKIP() << "this kernel runs no 32-bit programs";
    auto told = documents_of(trace->wait().out).back();
    EXPECT_EQ(calls_of(told, caller.pid()), (std::map<std::string, std::uint64_t>{{"socket", 1}}));
    EXPECT_EQ(told["missing"]["no_beginning"], 0);
}
#endif

}  // namespace
}  // namespace weir::test
