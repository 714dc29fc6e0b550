// The folder of an instance under the bpffs: its maps' pins, and the lock that keeps a second
// daemon out. The lock is the kernel's (flock), so it ends with the process however that ends.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "lb/dataplane/fd.h"
#include "lb/result.h"

namespace weir {

// Mounts a bpffs at /sys/fs/bpf if none is there. True: it was mounted by this call.
Result<bool> ensure_bpffs();

class Pins {
  public:
    // /sys/fs/bpf/weir/INSTANCE, made if missing, locked. Exit::refused when another process has
    // it.
    static Result<Pins> open(const std::string &instance);

    ~Pins();  // an empty folder goes away again
    Pins(Pins &&) noexcept = default;
    Pins &operator=(Pins &&) noexcept = default;
    Pins(const Pins &) = delete;
    Pins &operator=(const Pins &) = delete;

    const std::filesystem::path &path() const { return path_; }
    // Whether maps were pinned here when the folder was opened.
    bool adopted() const { return adopted_; }
    // Removes every pin.
    void clear();

  private:
    Pins(std::filesystem::path path, Fd lock, bool adopted);

    std::filesystem::path path_;
    Fd lock_;
    bool adopted_ = false;
};

}  // namespace weir
