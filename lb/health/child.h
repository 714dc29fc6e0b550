// A program that is run for a check: started without a way to anything of ours, killed with all
// that it started, always reaped.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "lb/dataplane/fd.h"

namespace weir {

struct ChildStart {
    std::vector<std::string> command;      // [0] is a path
    std::vector<std::string> environment;  // "NAME=value", all of it
    rlimit files;                          // RLIMIT_NOFILE
};

class Child {
  public:
    Child() = default;
    ~Child();
    Child(Child &&other) noexcept;
    Child &operator=(Child &&other) noexcept;
    Child(const Child &) = delete;
    Child &operator=(const Child &) = delete;

    // Gives an errno, 0 when it runs. Its stdin is empty; stdout and stderr go to output().
    int start(const ChildStart &start);
    bool running() const { return pid_ > 0; }
    // Readable when it has ended (pidfd_open(2)).
    int ended_fd() const { return ended_.get(); }
    // What it prints; does not block. Others that it started may hold the other end for longer.
    int output_fd() const { return output_.get(); }
    // Kills it and its process group.
    void kill() const;
    // The wait status once it has ended, or -1.
    int reap();

  private:
    pid_t pid_ = -1;
    Fd ended_;
    Fd output_;
};

}  // namespace weir
