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

struct Cgroup {
    std::string path;
    Fd folder;
    std::uint64_t id = 0;  // as BPF programs and links know it: its inode number

    // `wanted`: absolute, or below cgroup_mount(), which an empty one is itself. Exit::refused when
    // it is not there or is no folder of cgroup v2; the message does not name the key.
    static Result<Cgroup> open(const std::string &wanted);
};

// Names of cgroups by their ids: below the mount, "/system.slice/web.service"; "/" itself. Bytes
// that are not printable ASCII are shown as "?".
class CgroupNames {
  public:
    // Looks through all cgroups, once in some seconds at most. True if it did.
    bool refresh(std::chrono::steady_clock::time_point now);
    // None: it was not there when they were last looked through.
    std::optional<std::string> find(std::uint64_t id) const;

  private:
    std::unordered_map<std::uint64_t, std::string> names_;
    std::optional<std::chrono::steady_clock::time_point> refreshed_;
};

}  // namespace weir
