#include "tests/support/cgroup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "lb/dataplane/cgroup.h"
#include "tests/support/process.h"

namespace weir::test {

std::string why_no_cgroups() {
    if (cgroup_mount().empty())
        return "cgroup v2 is mounted nowhere";
    if (::access(cgroup_mount().c_str(), W_OK) != 0)
        return "no cgroup can be made below " + cgroup_mount();
    return "";
}

TestCgroup::TestCgroup() {
    static std::atomic<int> count = 0;
    name_ = "weir-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    path_ = cgroup_mount() + "/" + name_;
    make();
}

void TestCgroup::make() {
    if (::mkdir(path_.c_str(), 0755) != 0)
        throw std::system_error(errno, std::generic_category(), path_);
}

// Not while a process of it ends.
void TestCgroup::remove() {
    eventually([&] { return ::rmdir(path_.c_str()) == 0 || errno != EBUSY; },
               std::chrono::seconds(5));
}

TestCgroup::~TestCgroup() {
    remove();
}

}  // namespace weir::test
