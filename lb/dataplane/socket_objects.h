// The socket programs (bpf/sock.bpf.c), loaded: owner of their skeleton, and through it of their
// own maps. What they share with the data path is that of its objects.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/socket_links.h"
#include "lb/dataplane/socket_tables.h"
#include "lb/result.h"

namespace weir {

class SocketObjects {
  public:
    // `pins` and `share` as in ObjectsOptions. Exit::refused, and the message says what is missing.
    static Result<SocketObjects> load(const Objects &objects, const Limits &limits,
                                      const std::filesystem::path &pins,
                                      const std::optional<std::filesystem::path> &share);

    ~SocketObjects();
    SocketObjects(SocketObjects &&) noexcept;
    SocketObjects &operator=(SocketObjects &&) noexcept;
    SocketObjects(const SocketObjects &) = delete;
    SocketObjects &operator=(const SocketObjects &) = delete;

    // Those that are attached, with or without that of the listeners; the descriptors stay this
    // object's.
    std::vector<SocketProgram> programs(bool listeners) const;
    // Finds the socket of one, by BPF_PROG_TEST_RUN.
    int find_listener() const;
    // A map by its name; -1 where there is none. The descriptor stays this object's.
    int map(const char *name) const;
    SocketTables &tables() { return tables_; }
    const SocketTables &tables() const { return tables_; }

  private:
    struct Skeleton;
    explicit SocketObjects(std::unique_ptr<Skeleton> skeleton);

    std::unique_ptr<Skeleton> skeleton_;
    SocketTables tables_;
};

}  // namespace weir
