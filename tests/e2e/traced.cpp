#include "tests/e2e/traced.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "tests/support/temp.h"

namespace weir::test {
namespace {

int run_work(const std::string &name, const std::function<void()> &work, const Netns *netns,
             int go) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NAME, name.c_str());
    char told = 0;
    try {
        require(netns == nullptr || ::setns(netns->fd(), CLONE_NEWNET) == 0, "setns");
        require(::read(go, &told, 1) == 1, "told to begin");
        work();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
        return 1;
    }
    return 0;
}

// 'S', 'R', ...
char state_of(pid_t thread) {
    const auto stat = read_file("/proc/self/task/" + std::to_string(thread) + "/stat");
    const auto name_end = stat.rfind(')');
    return name_end == std::string::npos ? '?' : stat.at(name_end + 2);
}

}  // namespace

void require(bool done, const char *what) {
    if (!done)
        throw std::system_error(errno, std::generic_category(), what);
}

Caller::Caller(const std::string &name, const std::function<void()> &work, const Netns *netns) {
    std::array<int, 2> ends{};
    require(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe2");
    const Fd read(ends[0]);
    go_ = Fd(ends[1]);
    pid_ = ::fork();
    require(pid_ >= 0, "fork");
    if (pid_ == 0) {
        go_.reset();
        ::_exit(run_work(name, work, netns, read.get()));
    }
}

Caller::~Caller() {
    kill();
    wait();
}

void Caller::begin() const {
    require(::write(go_.get(), "x", 1) == 1, "begin");
}

void Caller::kill() const {
    if (!ended_)
        ::kill(pid_, SIGKILL);
}

bool Caller::wait() {
    int status = -1;
    if (ended_)
        return false;
    ended_ = ::waitpid(pid_, &status, 0) == pid_;
    return ended_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct WhenAsleep::Inside {
    std::atomic<bool> stop = false;
    std::thread thread;
};

WhenAsleep::WhenAsleep(const std::function<void()> &work) : inside_(std::make_unique<Inside>()) {
    const auto sleeper = static_cast<pid_t>(::syscall(SYS_gettid));
    inside_->thread = std::thread([this, sleeper, work] {
        while (state_of(sleeper) != 'S' && !inside_->stop)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        std::this_thread::sleep_for(std::chrono::nanoseconds(kAsleepNs));
        work();
    });
}

WhenAsleep::~WhenAsleep() {
    inside_->stop = true;
    inside_->thread.join();
}

std::unique_ptr<Process> start_trace(const std::vector<std::string> &arguments) {
    std::vector<std::string> command{WEIR_BINARY, "trace", "sockets"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    auto trace = std::make_unique<Process>(command);
    EXPECT_TRUE(trace->wait_for_err("; Ctrl-C ends it")) << trace->err();
    return trace;
}

std::unique_ptr<Process> start_trace(const Caller &caller, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--pid", std::to_string(caller.pid())});
    return start_trace(arguments);
}

std::vector<Json> documents_of(const std::string &out) {
    std::vector<Json> documents;
    std::istringstream stream(out);
    for (std::string line; std::getline(stream, line);)
        documents.push_back(Json::parse(line));
    if (documents.empty())
        throw std::runtime_error("the trace has printed nothing");
    return documents;
}

Json row_of(const Json &document, pid_t pid, const std::string &call) {
    Json found;
    for (const Json &row : document.at("rows"))
        if (row.at("pid") == pid && row.at("call") == call) {
            EXPECT_TRUE(found.is_null()) << "twice: " << document.dump();
            found = row;
        }
    return found;
}

std::map<std::string, std::uint64_t> calls_of(const Json &document, pid_t pid) {
    std::map<std::string, std::uint64_t> calls;
    for (const Json &row : document.at("rows"))
        if (row.at("pid") == pid)
            calls[row.at("call")] += row.at("calls").get<std::uint64_t>();
    return calls;
}

std::uint64_t calls_from(const Json &row, std::uint64_t ns) {
    std::uint64_t calls = 0;
    for (const Json &range : row.at("done").at("histogram"))
        if (range.at("to_ns").is_null() || range.at("to_ns").get<std::uint64_t>() > ns)
            calls += range.at("calls").get<std::uint64_t>();
    return calls;
}

}  // namespace weir::test
