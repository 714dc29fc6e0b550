#include "lb/dataplane/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

namespace weir {

namespace {

// 0: there is none.
std::uint64_t inode_of(const std::string &path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

std::string printable(std::string name) {
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return name;
}

bool is_cgroup2(int folder) {
    struct statfs found {};
    return fstatfs(folder, &found) == 0 && found.f_type == CGROUP2_SUPER_MAGIC;
}

}  // namespace

// proc(5), /proc/PID/mountinfo: the fifth word is the mount point, and the type follows a "-".
std::string cgroup_mount() {
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
        if (line.find(" - cgroup2 ") == std::string::npos)
            continue;
        std::istringstream words(line);
        std::string id, parent, device, root, point;
        words >> id >> parent >> device >> root >> point;
        return point;
    }
    return "";
}

// cgroups(7), /proc/PID/cgroup: "0::/system.slice/weir.service", below the mount.
bool is_in(const std::string &path) {
    constexpr std::string_view kKey = "0::";
    std::ifstream cgroups("/proc/self/cgroup");
    for (std::string line; std::getline(cgroups, line);) {
        if (line.compare(0, kKey.size(), kKey) != 0)
            continue;
        const auto wanted = (std::filesystem::path(path) / "").lexically_normal().string();
        const auto own = cgroup_mount() + line.substr(kKey.size()) + "/";
        return own.compare(0, wanted.size(), wanted) == 0;
    }
    return false;
}

Result<Cgroup> Cgroup::open(const std::string &wanted) {
    Cgroup cgroup;
    cgroup.path = wanted;
    if (wanted.empty() || wanted.front() != '/') {
        const std::string mount = cgroup_mount();
        if (mount.empty())
            return fail(
                Exit::refused,
                "cgroup v2 is not mounted (mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified)");
        cgroup.path = wanted.empty() ? mount : mount + "/" + wanted;
    }
    cgroup.folder = Fd(::open(cgroup.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!cgroup.folder && errno == ENOENT)
        return cgroup;
    if (!cgroup.folder)
        return fail(Exit::refused, fmt::format("{}: {}", cgroup.path, std::strerror(errno)));
    if (!is_cgroup2(cgroup.folder.get()))
        return fail(Exit::refused, fmt::format("{} is no folder of cgroup v2", cgroup.path));
    struct stat status {};
    if (fstat(cgroup.folder.get(), &status) != 0)
        return fail(Exit::refused, fmt::format("{}: {}", cgroup.path, std::strerror(errno)));
    cgroup.id = status.st_ino;
    return cgroup;
}

bool CgroupNames::refresh(std::chrono::steady_clock::time_point now) {
    constexpr std::chrono::seconds kPause{2};
    if (refreshed_ && now - *refreshed_ < kPause)
        return false;
    refreshed_ = now;
    mount_ = cgroup_mount();
    names_.clear();
    names_[inode_of(mount_)] = "/";
    std::error_code ignored;
    using Options = std::filesystem::directory_options;
    auto one = std::filesystem::recursive_directory_iterator(
        mount_, Options::skip_permission_denied, ignored);
    for (; one != std::filesystem::recursive_directory_iterator(); one.increment(ignored))
        if (one->is_directory(ignored))
            names_[inode_of(one->path())] = one->path().string().substr(mount_.size());
    return true;
}

std::optional<std::string> CgroupNames::find(std::uint64_t id) const {
    const auto found = names_.find(id);
    if (found == names_.end() || inode_of(mount_ + found->second) != id)
        return std::nullopt;
    return printable(found->second);
}

}  // namespace weir
