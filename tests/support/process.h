// A child process: started in a namespace, its output kept, killed with its owner.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "lb/dataplane/fd.h"

namespace weir::test {

class Netns;

inline constexpr std::chrono::seconds kPatience{20};

struct ProcessOptions {
    const Netns *netns = nullptr;               // the test's own when none
    std::vector<std::string> environment = {};  // "NAME=value", on top of the test's
    std::string cgroup = {};                    // a folder of cgroup v2 that it joins
    int terminal =
        -1;  // its controlling terminal, standard input and output; none: /dev/null, out()
};

struct ProcessResult {
    int status = -1;  // exit status; -1 when a signal ended it, or when it had to be killed
    int signal = 0;
    std::string out;
    std::string err;
};

class Process {
  public:
    // Throws std::system_error when it cannot fork; a program that is not there exits with 127.
    explicit Process(const std::vector<std::string> &arguments, const ProcessOptions &options = {});
    ~Process();
    Process(const Process &) = delete;
    Process &operator=(const Process &) = delete;
    Process(Process &&) = delete;
    Process &operator=(Process &&) = delete;

    pid_t pid() const { return pid_; }
    bool running();
    void kill(int signal) const;
    // Waits for its end; kills it when that takes too long.
    ProcessResult wait(std::chrono::milliseconds patience = kPatience);
    // What it has printed so far.
    std::string out() const;
    std::string err() const;
    // Waits until it has printed `text` on stderr; false when it ended first or time is up.
    bool wait_for_err(const std::string &text, std::chrono::milliseconds patience = kPatience);

  private:
    bool reap(int flags);

    pid_t pid_ = -1;
    bool ended_ = false;
    int wait_status_ = 0;
    Fd out_;  // anonymous files: a pipe would have to be emptied all the time
    Fd err_;
};

// Runs a command to its end.
ProcessResult run(const std::vector<std::string> &arguments, const ProcessOptions &options = {});

// Whether WEIR_PATIENCE (environment) is set, as on a machine that is emulated.
bool is_emulated();

// Asks again until it is so; false when time is up: `patience`, or WEIR_PATIENCE (environment)
// times as much.
bool eventually(const std::function<bool()> &condition,
                std::chrono::milliseconds patience = kPatience);

}  // namespace weir::test
