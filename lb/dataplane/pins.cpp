#include "lb/dataplane/pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <vector>

namespace weir {

namespace {

constexpr const char *kBpffs = "/sys/fs/bpf";

// Of a generation; 0 for anything else.
unsigned number_of(const std::filesystem::path &path) {
    const auto name = path.filename().string();
    unsigned number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    return error == std::errc() && end == name.data() + name.size() ? number : 0;
}

std::filesystem::path folder_of(const std::string &instance) {
    return std::filesystem::path(kBpffs) / "weir" / instance;
}

// The oldest first.
std::vector<std::filesystem::path> generations_in(const std::filesystem::path &folder) {
    std::vector<std::filesystem::path> found;
    std::error_code ignored;
    for (const auto &entry : std::filesystem::directory_iterator(folder, ignored))
        if (number_of(entry.path()) > 0)
            found.push_back(entry.path());
    std::sort(found.begin(), found.end(),
              [](const auto &a, const auto &b) { return number_of(a) < number_of(b); });
    return found;
}

// While the daemon runs it may write only to what is its user's.
void own(const std::filesystem::path &folder) {
    const auto own_one = [](const std::filesystem::path &one) {
        struct stat seen {};
        if (::lstat(one.c_str(), &seen) == 0 && seen.st_uid != ::geteuid())
            static_cast<void>(::lchown(one.c_str(), ::geteuid(), static_cast<gid_t>(-1)) == 0);
    };
    own_one(folder);
    std::error_code ignored;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(folder, ignored))
        own_one(entry.path());
}

}  // namespace

std::vector<std::filesystem::path> tables_of(const std::string &instance) {
    return generations_in(folder_of(instance));
}

std::vector<std::string> pinned_instances() {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto &entry : std::filesystem::directory_iterator(folder_of(""), ignored))
        names.push_back(entry.path().filename());
    return names;
}

MapIds own_maps(const std::vector<std::filesystem::path> &tables) {
    MapIds ids;
    for (const auto &folder : tables)
        if (const Fd map(bpf_obj_get((folder / "settings").c_str())); map)
            ids.push_back(map_id_of(map.get()));
    return ids;
}

Result<bool> ensure_bpffs() {
    struct statfs found {};
    if (statfs(kBpffs, &found) == 0 && found.f_type == BPF_FS_MAGIC)
        return false;
    if (mount("bpf", kBpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0)
        return fail(Exit::refused,
                    fmt::format("{0} is no BPF file system and cannot be made one ({1}): "
                                "run `mount -t bpf bpf {0}`",
                                kBpffs, std::strerror(errno)));
    return true;
}

Result<Pins> Pins::open(const std::string &instance) {
    const std::filesystem::path path = folder_of(instance);
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error)
        return fail(Exit::refused, fmt::format("cannot make the folder {} for the tables: {}",
                                               path.string(), error.message()));
    Fd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock)
        return fail(Exit::refused,
                    fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)));
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return fail(Exit::refused,
                        fmt::format("another weir works on the instance '{}': stop that one first",
                                    instance));
        return fail(Exit::refused,
                    fmt::format("cannot lock {}: {}", path.string(), std::strerror(errno)));
    }
    own(path);
    const bool adopted = !std::filesystem::is_empty(path, error);
    return Pins(path, std::move(lock), adopted);
}

Pins::Pins(std::filesystem::path path, Fd lock, bool adopted)
    : path_(std::move(path)), lock_(std::move(lock)), adopted_(adopted) {}

Pins::~Pins() {
    if (!lock_)
        return;
    // both fail, as they should, while anything is in the folder
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    std::filesystem::remove(path_.parent_path(), ignored);
}

std::filesystem::path Pins::place() const {
    return "/proc/self/fd/" + std::to_string(lock_.get());
}

std::vector<std::filesystem::path> Pins::generations() const {
    return generations_in(path_);
}

Result<std::filesystem::path> Pins::add_generation() {
    const auto there = generations();
    const auto path = path_ / std::to_string(there.empty() ? 1 : number_of(there.back()) + 1);
    std::error_code error;
    std::filesystem::create_directory(path, error);
    if (error)
        return fail(Exit::refused, fmt::format("cannot make the folder {} for the tables: {}",
                                               path.string(), error.message()));
    return path;
}

void Pins::remove_generation(const std::filesystem::path &folder) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
}

void Pins::clear() {
    std::error_code ignored;
    std::vector<std::filesystem::path> pins;
    for (const auto &entry : std::filesystem::directory_iterator(path_, ignored))
        pins.push_back(entry.path());
    for (const auto &pin : pins)
        std::filesystem::remove_all(pin, ignored);
}

}  // namespace weir
