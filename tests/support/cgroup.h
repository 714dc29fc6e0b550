// A cgroup (version 2) for tests, removed with its owner.
#pragma once

#include <string>

namespace weir::test {

// Why tests that need cgroup v2 cannot run here; empty when they can.
std::string why_no_cgroups();

class TestCgroup {
  public:
    // Below where cgroup v2 is mounted. Throws std::system_error.
    TestCgroup();
    ~TestCgroup();
    TestCgroup(const TestCgroup &) = delete;
    TestCgroup &operator=(const TestCgroup &) = delete;
    TestCgroup(TestCgroup &&) = delete;
    TestCgroup &operator=(TestCgroup &&) = delete;

    const std::string &path() const { return path_; }
    // Its last part: what the configuration calls it.
    const std::string &name() const { return name_; }
    // Removes it before its time, and makes it again: another one of the same name.
    void remove();
    void make();

  private:
    std::string name_;
    std::string path_;
};

}  // namespace weir::test
