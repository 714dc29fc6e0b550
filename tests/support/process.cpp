#include "tests/support/process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <thread>

#include "tests/support/netns.h"

namespace weir::test {
namespace {

constexpr std::chrono::milliseconds kStep{10};

std::string contents(int fd) {
    std::string text;
    std::array<char, 4096> block{};
    ssize_t got = 0;
    while ((got = ::pread(fd, block.data(), block.size(), static_cast<off_t>(text.size()))) > 0)
        text.append(block.data(), static_cast<std::size_t>(got));
    return text;
}

std::vector<char *> pointers(const std::vector<std::string> &strings) {
    std::vector<char *> result;
    result.reserve(strings.size() + 1);
    for (const auto &string : strings)
        result.push_back(const_cast<char *>(string.c_str()));
    result.push_back(nullptr);
    return result;
}

std::vector<std::string> environment_with(const std::vector<std::string> &more) {
    std::vector<std::string> all(more);
    for (char **variable = environ; *variable != nullptr; variable++)
        all.emplace_back(*variable);  // the first of a name is the one that counts
    return all;
}

}  // namespace

Process::Process(const std::vector<std::string> &arguments, const ProcessOptions &options)
    : out_(::memfd_create("stdout", MFD_CLOEXEC)), err_(::memfd_create("stderr", MFD_CLOEXEC)) {
    const auto argv = pointers(arguments);
    const auto environment = environment_with(options.environment);
    const auto envp = pointers(environment);
    const int netns = options.netns == nullptr ? -1 : options.netns->fd();
    const Fd cgroup(options.cgroup.empty()
                        ? -1
                        : ::open((options.cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!options.cgroup.empty() && !cgroup)
        throw std::system_error(errno, std::generic_category(), options.cgroup);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0)
        throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ > 0)
        return;

    // only calls that are safe after fork() in a process with threads
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent || (netns >= 0 && ::setns(netns, CLONE_NEWNET) != 0))
        ::_exit(126);
    if (cgroup && ::write(cgroup.get(), "0", 1) != 1)
        ::_exit(126);
    const bool terminal = options.terminal >= 0;
    if (terminal && (::setsid() < 0 || ::ioctl(options.terminal, TIOCSCTTY, 0) != 0))
        ::_exit(126);
    ::dup2(terminal ? options.terminal : ::open("/dev/null", O_RDONLY), STDIN_FILENO);
    ::dup2(terminal ? options.terminal : out_.get(), STDOUT_FILENO);
    ::dup2(err_.get(), STDERR_FILENO);
    ::execvpe(argv[0], argv.data(), envp.data());
    ::_exit(127);
}

Process::~Process() {
    if (running()) {
        kill(SIGKILL);
        reap(0);
    }
}

bool Process::reap(int flags) {
    if (!ended_)
        ended_ = ::waitpid(pid_, &wait_status_, flags) == pid_;
    return ended_;
}

bool Process::running() {
    return !reap(WNOHANG);
}

void Process::kill(int signal) const {
    if (!ended_)
        ::kill(pid_, signal);
}

ProcessResult Process::wait(std::chrono::milliseconds patience) {
    const bool in_time = eventually([this] { return !running(); }, patience);
    if (!in_time) {
        kill(SIGKILL);
        reap(0);
    }
    ProcessResult result;
    if (in_time && WIFEXITED(wait_status_))
        result.status = WEXITSTATUS(wait_status_);
    if (WIFSIGNALED(wait_status_))
        result.signal = WTERMSIG(wait_status_);
    result.out = out();
    result.err = err();
    return result;
}

std::string Process::out() const {
    return contents(out_.get());
}

std::string Process::err() const {
    return contents(err_.get());
}

bool Process::wait_for_err(const std::string &text, std::chrono::milliseconds patience) {
    const auto printed = [&] { return err().find(text) != std::string::npos; };
    eventually([&] { return printed() || !running(); }, patience);
    return printed();
}

ProcessResult run(const std::vector<std::string> &arguments, const ProcessOptions &options) {
    return Process(arguments, options).wait();
}

bool is_emulated() {
    return std::getenv("WEIR_PATIENCE") != nullptr;
}

bool eventually(const std::function<bool()> &condition, std::chrono::milliseconds patience) {
    // on a machine that is emulated everything takes several times as long
    static const char *const times = std::getenv("WEIR_PATIENCE");
    const int factor = times == nullptr ? 1 : std::max(1, std::atoi(times));
    const auto deadline = std::chrono::steady_clock::now() + factor * patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::sleep_for(kStep);
    }
    return true;
}

}  // namespace weir::test
