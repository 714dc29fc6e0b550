// A cgroup (version 2): the programs at whose sockets the services are.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "lb/dataplane/fd.h"
#include "lb/result.h"

namespace weir {

// Where cgroup v2 is mounted, as this process sees it; empty: nowhere.
std::string cgroup_mount();

// Whether this process is in the cgroup at `path`, or in one below it.
bool is_in(const std::string &path);

struct Cgroup {
    std::string path;
    Fd folder;
    std::uint64_t id =
        0;  // as BPF programs and links know it: its inode number; 0: it does not exist

    // `wanted`: absolute, or below cgroup_mount(), which an empty one is itself. One that does not
    // exist has a path alone. Exit::refused where cgroup v2 is not mounted, or `wanted` is no
    // folder of it; the message does not name the key.
    static Result<Cgroup> open(const std::string &wanted);

    bool exists() const { return id != 0; }
};

// Names of cgroups by their ids: below the mount, "/system.slice/web.service"; "/" itself. Bytes
// that are not printable ASCII are shown as "?".
class CgroupNames {
  public:
    // Looks through all cgroups, once in some seconds at most. True if it did.
    bool refresh(std::chrono::steady_clock::time_point now);
    // None: it was not there when they were last looked through, or is no more.
    std::optional<std::string> find(std::uint64_t id) const;

  private:
    std::string mount_;
    std::unordered_map<std::uint64_t, std::string> names_;  // below it, as they are
    std::optional<std::chrono::steady_clock::time_point> refreshed_;
};

}  // namespace weir
