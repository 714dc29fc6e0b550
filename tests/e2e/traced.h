// Processes that make calls of the socket API when they are told to, and traces of them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lb/api/documents.h"
#include "lb/dataplane/fd.h"
#include "tests/support/netns.h"
#include "tests/support/process.h"

namespace weir::test {

// A child of this process, with a name of its own, that does its work once begin() is called.
class Caller {
  public:
    Caller(const std::string &name, const std::function<void()> &work,
           const Netns *netns = nullptr);
    ~Caller();
    Caller(const Caller &) = delete;
    Caller &operator=(const Caller &) = delete;
    Caller(Caller &&) = delete;
    Caller &operator=(Caller &&) = delete;

    pid_t pid() const { return pid_; }
    void begin() const;
    void kill() const;
    // Waits for its end; false when the work threw, or it was killed.
    bool wait();

  private:
    pid_t pid_ = -1;
    bool ended_ = false;
    Fd go_;
};

// For the work of a Caller: fails it.
void require(bool done, const char *what);
// On a thread: does `work` when the thread that calls this has been asleep for 200 ms.
class WhenAsleep {
  public:
    explicit WhenAsleep(const std::function<void()> &work);
    ~WhenAsleep();
    WhenAsleep(const WhenAsleep &) = delete;
    WhenAsleep &operator=(const WhenAsleep &) = delete;
    WhenAsleep(WhenAsleep &&) = delete;
    WhenAsleep &operator=(WhenAsleep &&) = delete;

  private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};
inline constexpr std::uint64_t kAsleepNs = 200'000'000;

// `weir trace sockets ARGUMENTS`, which traces once this is made.
std::unique_ptr<Process> start_trace(const std::vector<std::string> &arguments);
// Of one process; ends with it.
std::unique_ptr<Process> start_trace(const Caller &caller, std::vector<std::string> arguments);

// What a trace with --json has printed: an object a line, one at least.
std::vector<Json> documents_of(const std::string &out);
// The only row of a process's calls; null when there is none. (Not to be const: [] of what is not
// there ends the process then.)
Json row_of(const Json &document, pid_t pid, const std::string &call);
// How often a process made which call.
std::map<std::string, std::uint64_t> calls_of(const Json &document, pid_t pid);
// Calls that took so long, by their histogram's bounds.
std::uint64_t calls_from(const Json &row, std::uint64_t ns);

}  // namespace weir::test
