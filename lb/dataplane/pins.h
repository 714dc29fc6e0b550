// The folder of an instance under the bpffs: its maps' pins, and the lock that keeps a second
// daemon out. The lock is the kernel's (flock), so it ends with the process however that ends.
//
// The tables are in a folder with a number. There is one such generation, and two only while a
// start replaces one by another: one that is killed meanwhile leaves both, for the next to bring
// together (migration.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lb/dataplane/fd.h"
#include "lb/dataplane/program_ids.h"
#include "lb/result.h"

namespace weir {

// The folders of an instance's tables, the oldest first. Takes no lock.
std::vector<std::filesystem::path> tables_of(const std::string &instance);

// All that have a folder here.
std::vector<std::string> pinned_instances();
// The maps by which the programs of tables are known.
MapIds own_maps(const std::vector<std::filesystem::path> &tables);

// Mounts a bpffs at /sys/fs/bpf if none is there. True: it was mounted by this call.
Result<bool> ensure_bpffs();

class Pins {
  public:
    // /sys/fs/bpf/weir/INSTANCE, made if missing, locked, and this user's, if that can be: an
    // earlier run may have been another's. Exit::refused when another process has it.
    static Result<Pins> open(const std::string &instance);

    ~Pins();  // an empty folder goes away again
    Pins(Pins &&) noexcept = default;
    Pins &operator=(Pins &&) noexcept = default;
    Pins(const Pins &) = delete;
    Pins &operator=(const Pins &) = delete;

    const std::filesystem::path &path() const { return path_; }
    // The same folder by its descriptor, while this lives: a daemon that is not root cannot go
    // through /sys/fs/bpf, with mode 0700, once it has given up CAP_DAC_OVERRIDE.
    std::filesystem::path place() const;
    // Whether maps were pinned here when the folder was opened.
    bool adopted() const { return adopted_; }
    // The folders of tables, the oldest first.
    std::vector<std::filesystem::path> generations() const;
    // A folder for tables beside those that are there.
    Result<std::filesystem::path> add_generation();
    void remove_generation(const std::filesystem::path &folder);
    // Removes every pin.
    void clear();

  private:
    Pins(std::filesystem::path path, Fd lock, bool adopted);

    std::filesystem::path path_;
    Fd lock_;
    bool adopted_ = false;
};

}  // namespace weir
