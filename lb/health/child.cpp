#include "lb/health/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace weir {

namespace {

constexpr int kReapPatience = 100;  // milliseconds, for one that was killed

std::vector<char *> pointers(const std::vector<std::string> &words) {
    std::vector<char *> result;
    result.reserve(words.size() + 1);
    for (const std::string &word : words)
        result.push_back(const_cast<char *>(word.c_str()));  // posix_spawn() only reads
    result.push_back(nullptr);
    return result;
}

class SpawnActions {
  public:
    // Every descriptor but the three is closed: those of libraries are not all close-on-exec.
    explicit SpawnActions(int output) {
        posix_spawn_file_actions_init(&actions_);
        note(posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
        note(posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO));
        note(posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO));
        note(posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));
        note(posix_spawn_file_actions_addchdir_np(&actions_, "/"));
    }
    ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
    SpawnActions(const SpawnActions &) = delete;
    SpawnActions &operator=(const SpawnActions &) = delete;
    SpawnActions(SpawnActions &&) = delete;
    SpawnActions &operator=(SpawnActions &&) = delete;

    int error() const { return error_; }
    const posix_spawn_file_actions_t *get() const { return &actions_; }

  private:
    void note(int error) { error_ = error_ == 0 ? error : error_; }

    posix_spawn_file_actions_t actions_{};
    int error_ = 0;
};

// A process group of its own, and no signal blocked or ignored.
class SpawnAttributes {
  public:
    SpawnAttributes() {
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_init(&attributes_);
        posix_spawnattr_setsigmask(&attributes_, &none);
        posix_spawnattr_setsigdefault(&attributes_, &all);
        posix_spawnattr_setpgroup(&attributes_, 0);
        posix_spawnattr_setflags(
            &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
    SpawnAttributes(const SpawnAttributes &) = delete;
    SpawnAttributes &operator=(const SpawnAttributes &) = delete;
    SpawnAttributes(SpawnAttributes &&) = delete;
    SpawnAttributes &operator=(SpawnAttributes &&) = delete;

    const posix_spawnattr_t *get() const { return &attributes_; }

  private:
    posix_spawnattr_t attributes_{};
};

}  // namespace

Child::~Child() {
    if (!running())
        return;
    kill();
    pollfd ended{ended_.get(), POLLIN, 0};
    ::poll(&ended, 1, kReapPatience);
    reap();
}

Child::Child(Child &&other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      ended_(std::move(other.ended_)),
      output_(std::move(other.output_)) {}

Child &Child::operator=(Child &&other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(ended_, other.ended_);
    std::swap(output_, other.output_);
    return *this;
}

int Child::start(const ChildStart &start) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return errno;
    output_ = Fd(ends[0]);
    const Fd input(ends[1]);
    if (::fcntl(output_.get(), F_SETFL, O_NONBLOCK) != 0)
        return errno;
    const SpawnActions actions(input.get());
    const SpawnAttributes attributes;
    if (actions.error() != 0)
        return actions.error();
    const auto arguments = pointers(start.command);
    const auto environment = pointers(start.environment);
    if (const int error = posix_spawn(&pid_, arguments[0], actions.get(), attributes.get(),
                                      arguments.data(), environment.data());
        error != 0) {
        pid_ = -1;
        return error;
    }
    // A program that cannot do with many descriptors does not get our limit.
    ::prlimit(pid_, RLIMIT_NOFILE, &start.files, nullptr);
    ended_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (ended_)
        return 0;
    const int error = errno;
    kill();
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
    return error;
}

void Child::kill() const {
    if (running())
        ::kill(-pid_, SIGKILL);
}

int Child::reap() {
    int status = -1;
    if (!running() || ::waitpid(pid_, &status, WNOHANG) == 0)
        return -1;
    pid_ = -1;
    return status;
}

}  // namespace weir
